// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import NIOHTTP1

extension KubernetesClient {
    /// How often a listing is begun anew because the server has forgotten the moment that it shows.
    private static var listingAttempts: Int { 3 }

    /// Reads all nodes as they are at one moment, page by page.
    ///
    /// - Throws: `expired` when the server forgets that moment again and again before the last page.
    public func nodes() async throws(KubernetesError) -> NodeListing {
        for _ in 1..<Self.listingAttempts {
            do throws(KubernetesError) { return try await allPages() } catch {
                guard error.code == .expired, !Task.isCancelled else { throw error }
            }
        }
        return try await allPages()
    }

    /// Reads one node; nil when it does not exist.
    public func node(named name: String) async throws(KubernetesError) -> Node? {
        do throws(KubernetesError) {
            return try node(in: try await send(Request(path: "/api/v1/nodes/\(name.percentEncoded)")))
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
    }

    /// Changes annotations of a node, and its condition `NetworkUnavailable`, and nothing else of it.
    ///
    /// Both go to the node's `status` by a strategic merge patch, which leaves all other annotations and conditions as
    /// they are.
    ///
    /// - Parameters:
    ///   - annotations: What is set, or with nil removed, by the full names.
    ///   - condition: With the moment of the change, as RFC 3339 has it, which is the server's to keep.
    ///   - uid: Which node of that name is meant.
    /// - Returns: The node after that.
    /// - Throws: `notFound` when there is no such node, `conflict` when it is another one by now.
    @discardableResult
    public func patchStatus(
        ofNode name: String,
        uid: String? = nil,
        annotations: [String: String?] = [:],
        networkUnavailable condition: (condition: NodeCondition, since: String)? = nil
    ) async throws(KubernetesError) -> Node {
        var metadata = JSONObject()
        if let uid { metadata["uid"] = .string(uid) }
        if !annotations.isEmpty {
            var members = JSONObject()
            for (key, value) in annotations.sorted(by: { $0.key < $1.key }) {
                members[key] = value.map { .string($0) } ?? .null
            }
            metadata["annotations"] = .object(members)
        }
        var patch = JSONObject([("metadata", .object(metadata))])
        if let (condition, moment) = condition {
            let status = condition.isMet.map { $0 ? "True" : "False" } ?? "Unknown"
            patch["status"] = [
                "conditions": [
                    [
                        "type": "NetworkUnavailable", "status": .string(status), "reason": .string(condition.reason),
                        "message": .string(condition.message), "lastTransitionTime": .string(moment),
                        "lastHeartbeatTime": .string(moment),
                    ]
                ]
            ]
        }
        let request = Request(
            method: .PATCH,
            path: "/api/v1/nodes/\(name.percentEncoded)/status",
            contentType: Self.strategicMergePatch,
            body: .object(patch)
        )
        return try node(in: try await send(request))
    }

    /// The type of a patch that merges lists by the key that their API type names.
    static var strategicMergePatch: String { "application/strategic-merge-patch+json" }

    private func node(in answer: Answer) throws(KubernetesError) -> Node {
        try reading { () throws(JSONError) in
            let text = JSONText(bytes: answer.body)
            return try Node(text, at: try text.root(), annotationPrefix: options.annotationPrefix)
        }
    }

    private func allPages() async throws(KubernetesError) -> NodeListing {
        var listing = NodeListing(resourceVersion: "", nodes: [])
        var next: String?
        repeat {
            var path = "/api/v1/nodes?limit=\(options.pageSize)"
            if let next { path += "&continue=\(next.percentEncoded)" }
            let answer = try await send(Request(path: path))
            let page = try reading { () throws(JSONError) in
                try NodePage(answer.body, annotationPrefix: options.annotationPrefix)
            }
            listing.nodes += page.nodes
            listing.resourceVersion = page.resourceVersion
            next = page.next
        } while next != nil
        return listing
    }
}
