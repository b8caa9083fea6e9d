// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import JSON
internal import NIOCore
internal import Overlay

/// `flanneld status`: asks the running daemon, and prints what it says.
struct StatusCommand: Sendable {
    private let options: DaemonOptions
    private let isJSON: Bool

    init(_ options: DaemonOptions, isJSON: Bool) {
        self.options = options
        self.isJSON = isJSON
    }

    /// Prints the status.
    ///
    /// - Returns: Whether the overlay is ready.
    func run() async throws(OverlayError) -> Bool {
        let text = try await ask()
        let document: JSONNode
        do throws(JSONError) { document = JSONNode(try JSONValue(parsing: text)) } catch {
            throw OverlayError(.malformedText, "the daemon's answer cannot be read: \(error)")
        }
        if isJSON {
            StandardStream.output.write(text)
        } else {
            StandardStream.output.write(line: StatusText(document).text)
        }
        return document.flag("ready")
    }

    private func ask() async throws(OverlayError) -> [UInt8] {
        let path = HealthServer.socketPath(beside: options.subnetFile)
        let encoded = path.replacing("/", with: "%2F")
        do {
            let answer = try await HTTPClient.shared.execute(
                HTTPClientRequest(url: "http+unix://\(encoded)/status"),
                timeout: .seconds(10)
            )
            var body = try await answer.body.collect(upTo: 64 << 20)
            return body.readBytes(length: body.readableBytes) ?? []
        } catch {
            throw OverlayError(
                .localFile,
                "flanneld does not answer at \(path)",
                advice:
                    "is it running? systemctl status flanneld; a daemon with another --subnet-file needs that flag here, too"
            )
        }
    }
}

extension JSONNode {
    /// A member that is true; false when it is absent or something else.
    func flag(_ key: String) -> Bool { (try? self[key]?.boolean()) ?? false }
    /// A member that is text; "" when it is absent or something else.
    func text(_ key: String) -> String { (try? self[key]?.string()) ?? "" }
    /// A member that is a number; 0 when it is absent or something else.
    func number(_ key: String) -> Int64 { (try? self[key]?.integer()) ?? 0 }
    /// A member that is a list; empty when it is absent or something else.
    func list(_ key: String) -> [JSONNode] { (try? self[key]?.elements()) ?? [] }
    /// A member that is a list of text.
    func texts(_ key: String) -> [String] { (try? self[key]?.strings()) ?? [] }
}
