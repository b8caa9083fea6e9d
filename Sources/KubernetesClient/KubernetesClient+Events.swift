// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import NIOHTTP1

/// What people find with `kubectl get events` and `kubectl describe node`.
public struct NodeReport: Hashable, Sendable {
    /// The name of the report itself, which makes it one of its kind.
    public var name: String
    /// The node that it is about.
    public var node: String
    /// Why, as one word.
    public var reason: String
    /// What happened, for a person.
    public var message: String
    /// Whether something is wrong.
    public var isWarning: Bool
    /// Who reports.
    public var component: String
    /// When it was so first, as RFC 3339 has it.
    public var firstTime: String
    /// When it was so last.
    public var lastTime: String
    /// How often it was so.
    public var count: Int

    /// Describes what happens for the first time.
    public init(
        name: String,
        node: String,
        reason: String,
        message: String,
        isWarning: Bool,
        component: String,
        time: String
    ) {
        self.name = name
        self.node = node
        self.reason = reason
        self.message = message
        self.isWarning = isWarning
        self.component = component
        firstTime = time
        lastTime = time
        count = 1
    }
}

extension KubernetesClient {
    /// Where events about nodes are, which are in no namespace themselves.
    private static var eventsPath: String { "/api/v1/namespaces/default/events" }

    /// Makes an event about a node.
    ///
    /// - Throws: `forbidden` where only reading is allowed, `conflict` when there is one of that name.
    public func createEvent(_ report: NodeReport) async throws(KubernetesError) {
        let body: JSONValue = [
            "apiVersion": "v1", "kind": "Event",
            "metadata": ["name": .string(report.name), "namespace": "default"],
            // The kubelet's own events have the node's name as its uid, and are found by that.
            "involvedObject": [
                "apiVersion": "v1", "kind": "Node", "name": .string(report.node), "uid": .string(report.node),
            ],
            "reason": .string(report.reason), "message": .string(report.message),
            "type": report.isWarning ? "Warning" : "Normal",
            "source": ["component": .string(report.component), "host": .string(report.node)],
            "firstTimestamp": .string(report.firstTime), "lastTimestamp": .string(report.lastTime),
            "count": .integer(Int64(report.count)),
        ]
        _ = try await send(Request(method: .POST, path: Self.eventsPath, body: body))
    }

    /// Tells that an event has happened again: its count, its last time and its message.
    ///
    /// - Throws: `notFound` when the server keeps it no more: events last for an hour.
    public func repeatEvent(_ report: NodeReport) async throws(KubernetesError) {
        let request = Request(
            method: .PATCH,
            path: "\(Self.eventsPath)/\(report.name.percentEncoded)",
            contentType: Self.strategicMergePatch,
            body: [
                "count": .integer(Int64(report.count)), "lastTimestamp": .string(report.lastTime),
                "message": .string(report.message),
            ]
        )
        _ = try await send(request)
    }
}
