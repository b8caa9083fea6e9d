// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import HTTPTransport
internal import NIOHTTP1

extension KubernetesClient {
    /// Watches all nodes from a version on; returns when the server has said that it watches.
    ///
    /// - Parameter version: Of a listing, or of an earlier watch.
    /// - Throws: `expired` when that version is not kept any more: the nodes must be read anew.
    public func watchNodes(from version: String) async throws(KubernetesError) -> NodeWatch {
        do throws(KubernetesError) { return try await openWatch(from: version) } catch {
            guard rereadCertificates(after: error) || error.wasClosed else { throw error }
        }
        return try await openWatch(from: version)
    }

    private func openWatch(from version: String) async throws(KubernetesError) -> NodeWatch {
        // Watches that all end at the same time would all come back at the same time.
        let seconds = Int64.random(in: options.watchDuration)
        let query =
            "allowWatchBookmarks=true&resourceVersion=\(version.percentEncoded)&timeoutSeconds=\(seconds)&watch=1"
        let headers = try headers()
        let http = try http
        let inbox = ResponseInbox(endpoint: options.server)
        let watch: NodeWatch
        do {
            let request = try HTTPClient.Request(url: "\(base)/api/v1/nodes?\(query)", headers: headers)
            watch = NodeWatch(inbox, http.execute(request: request, delegate: inbox), from: version, options)
        } catch { throw KubernetesError(TransportFailure(error, endpoint: options.server)) }
        try await watch.open(within: options.requestLimit)
        return watch
    }
}
