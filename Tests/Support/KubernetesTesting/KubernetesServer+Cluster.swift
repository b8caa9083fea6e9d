// swift-cni, SPDX-License-Identifier: Apache-2.0

public import JSON
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

// What others than the client under test do to the cluster.
extension KubernetesServer {
    /// Makes nodes, or replaces them, each in one step, and tells watchers.
    public func put(_ nodes: JSONValue...) { put(nodes) }

    /// Makes nodes, or replaces them, each in one step, and tells watchers.
    public func put(_ nodes: [JSONValue]) {
        state.withLock { state in
            for node in nodes {
                guard let name = node.object?["metadata"]?.object?["name"]?.string else { continue }
                Self.tell(state.cluster.put(name, node), &state)
            }
        }
    }

    /// Takes a manifest as `kubectl apply` hands it over: from then on its roles say what is permitted.
    ///
    /// - Throws: When the API would refuse it.
    public func apply(_ manifest: Manifest) throws {
        let complaints = manifest.complaints()
        guard complaints.isEmpty else { throw ManifestError(description: complaints.joined(separator: "; ")) }
        let permissions = try Permissions(manifest)
        state.withLock { $0.permissions = permissions }
    }

    /// Changes a node as another client would: by a strategic merge patch that may touch all of it.
    public func patch(_ name: String, with patch: JSONValue) {
        state.withLock { state in
            guard let node = state.cluster.node(name) else { return }
            Self.tell(state.cluster.put(name, node.mergedStrategically(with: patch)), &state)
        }
    }

    /// Removes a node.
    public func delete(_ name: String) {
        state.withLock { state in
            if let change = state.cluster.delete(name) { Self.tell(change, &state) }
        }
    }

    /// Puts a pod, `NAMESPACE/NAME`, on a node; "" for none yet.
    public func put(pod: String, on node: String) { state.withLock { $0.cluster.pods[pod] = node } }

    /// A node as it is now.
    public func node(_ name: String) -> JSONNode? { state.withLock { $0.cluster.node(name).map { JSONNode($0) } } }

    /// The value of an annotation of a node.
    public func annotation(_ key: String, of name: String) -> String? {
        node(name)?["metadata"]?["annotations"]?[key]?.value.string
    }

    /// The condition `NetworkUnavailable` of a node.
    public func networkUnavailable(of name: String) -> JSONValue? {
        node(name)?["status"]?["conditions"]?.value.array?.first { $0.object?["type"] == "NetworkUnavailable" }
    }

    /// The events by their names.
    public var events: [String: JSONValue] { state.withLock { $0.cluster.events } }

    /// Forgets events, as the API does after an hour.
    public func forgetEvents() { state.withLock { $0.cluster.events = [:] } }

    /// Version of the cluster.
    public var version: UInt64 { state.withLock { $0.cluster.version } }

    /// Forgets all versions but the last: who asks for what came after an older one has to read anew.
    public func compact() { state.withLock { $0.cluster.compact() } }

    /// Goes to another version, as when what is stored was replaced by a copy.
    public func restore(at version: UInt64) { state.withLock { $0.cluster.restore(at: version) } }

    /// Tells all watchers up to where they know everything.
    public func sendBookmarks() {
        state.withLock { state in
            let version = state.cluster.version
            let line =
                "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":"
                + "{\"resourceVersion\":\"\(version)\",\"creationTimestamp\":null},\"spec\":{},\"status\":"
                + "{\"daemonEndpoints\":{\"kubeletEndpoint\":{\"Port\":0}},\"nodeInfo\":{}}}}\n"
            Self.broadcast(Array(line.utf8), version: version, &state)
        }
    }

    /// Has the next event for each watcher break off in the middle, and its connection with it.
    public func cutNextEvent() { state.withLock { $0.isCuttingEvents = true } }

    /// Ends all watches as they end when their time is over.
    public func endWatches() {
        let watchers = state.withLock { state in
            defer { state.watchers = [:] }
            return state.watchers.values
        }
        for watcher in watchers { watcher.channel.finish() }
    }

    /// Tells all watchers something that is no event of a node, such as an error, and leaves the connection open.
    public func tellWatchers(_ line: String) {
        state.withLock { Self.broadcast(Array((line + "\n").utf8), version: 0, &$0) }
    }

    /// The line that says that a version is gone.
    public static var expiredLine: String {
        "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
            + "\"message\":\"too old resource version: 1 (2)\",\"reason\":\"Expired\",\"code\":410}}"
    }

    static func tell(_ change: Cluster.Change, _ state: inout State) {
        broadcast(change.line, version: change.version, &state)
        state.isCuttingEvents = false
    }

    private static func broadcast(_ line: [UInt8], version: UInt64, _ state: inout State) {
        for (key, watcher) in state.watchers where version > watcher.version || version == 0 {
            let channel = watcher.channel
            if state.isCuttingEvents, version > 0 {
                state.watchers[key] = nil
                channel.sendPart(Array(line.prefix(line.count / 2)), thenClose: true)
                continue
            }
            state.watchers[key]?.version = max(watcher.version, version)
            if state.isFrozen {
                state.postponed.append { channel.sendPart(line) }
            } else {
                channel.sendPart(line)
            }
        }
    }
}

extension Channel {
    /// Sends a part of a body.
    ///
    /// The loop does it, since a write that fails at once calls back while a lock may be held.
    func sendPart(_ bytes: [UInt8], thenClose closes: Bool = false) {
        eventLoop.execute {
            let written = self.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: bytes))))
            if closes { written.whenComplete { _ in self.close(promise: nil) } }
        }
    }

    /// Ends an answer.
    func finish() { eventLoop.execute { self.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil) } }
}
