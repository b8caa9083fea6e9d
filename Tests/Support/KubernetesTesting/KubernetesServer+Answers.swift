// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization

/// What a request is answered with.
struct Reply: Sendable {
    var status: UInt
    var body: [UInt8]
    var headers: [(String, String)] = []
    var contentType = "application/json"

    /// A document.
    static func document(_ value: JSONValue, status: UInt = 200) -> Reply {
        Reply(status: status, body: value.text())
    }

    /// A `Status` that says what is wrong.
    static func failure(_ status: UInt, _ reason: String, _ message: String, retryAfter: Int? = nil) -> Reply {
        var details = JSONObject()
        if let retryAfter { details["retryAfterSeconds"] = .integer(Int64(retryAfter)) }
        var reply = document(
            [
                "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure",
                "message": .string(message), "reason": .string(reason), "details": .object(details),
                "code": .integer(Int64(status)),
            ],
            status: status
        )
        if let retryAfter { reply.headers.append(("Retry-After", String(retryAfter))) }
        return reply
    }
}

/// What a connection does about a request.
enum Reaction {
    case reply(Reply, cutAfter: Int? = nil, trickle: (bytes: Int, milliseconds: Int64)? = nil)
    /// A watch, which the server has noted and begun to tell.
    case watch(seconds: Int64)
    /// A watch that is over at once.
    case watchError([UInt8])
    case silence
    case close
    /// The server is frozen: ask again when it thaws.
    case later
}

extension KubernetesServer {
    /// Decides about a request.
    ///
    /// - Parameter retry: What is called when the server thaws.
    func react(
        method: String,
        uri: String,
        headers: [String: String],
        body: [UInt8],
        channel: any Channel,
        retry: @escaping @Sendable () -> Void
    ) -> Reaction {
        let (path, query) = Self.split(uri)
        let kind = RequestRules.kind(method: method, path: path, query: query)
        let request = RecordedRequest(
            kind: kind,
            method: method,
            path: path,
            query: query,
            headers: headers,
            body: body
        )
        return state.withLock { state in
            if state.isFrozen {
                state.postponed.append(retry)
                return .later
            }
            state.requests.append(request)
            let host = "\(state.options.address):\(state.port)"
            let complaint = RequestRules.complaint(about: request, host: host)
            if let complaint { state.violations.append("\(method) \(uri): \(complaint)") }
            guard let kind else { return .reply(.failure(404, "NotFound", "the server could not find \(path)")) }
            let token = headers["authorization"].map { $0.dropFirst("Bearer ".count) }
            if !state.options.tokens.isEmpty, !state.options.tokens.contains(String(token ?? "")) {
                return .reply(.failure(401, "Unauthorized", "Unauthorized"))
            }
            if !state.permissions.allow(kind) {
                let (verb, resource) = kind.access
                state.violations.append("\(method) \(uri): the manifest's roles do not permit \(verb) of \(resource)")
                return .reply(.failure(403, "Forbidden", "\(resource) is forbidden: User \"test\" cannot \(verb) it"))
            }
            if state.forbidden.contains(kind) {
                return .reply(.failure(403, "Forbidden", "\(path) is forbidden: User \"test\" cannot do that"))
            }
            if let complaint { return .reply(.failure(422, "Invalid", complaint)) }
            let fault = state.faults[kind]?.isEmpty == false ? state.faults[kind]?.removeFirst() : nil
            if let fault, let reaction = Self.reaction(to: fault) { return reaction }
            if kind == .watch { return Self.watch(request, channel, &state) }
            let reply = Self.reply(to: request, kind, &state)
            return switch fault {
            case .cut(let count): .reply(reply, cutAfter: count)
            case .trickle(let bytes, let milliseconds): .reply(reply, trickle: (bytes, milliseconds))
            default: .reply(reply)
            }
        }
    }

    /// What a fault does by itself; nil for one that changes how the answer is sent.
    private static func reaction(to fault: Fault) -> Reaction? {
        switch fault {
        case .status(let status, let reason, let retryAfter):
            .reply(.failure(status, reason, "this is a test", retryAfter: retryAfter))
        case .errorEvent(let status, let reason):
            .watchError(
                Array("{\"type\":\"ERROR\",\"object\":".utf8) + Reply.failure(status, reason, "this is a test").body
                    + Array("}\n".utf8)
            )
        case .foreign(let status):
            .reply(Reply(status: status, body: Array("<html>busy</html>".utf8), contentType: "text/html"))
        case .silence: .silence
        case .close: .close
        case .body(let text): .reply(Reply(status: 200, body: Array(text.utf8)))
        case .cut, .trickle: nil
        }
    }

    private static func watch(_ request: RecordedRequest, _ channel: any Channel, _ state: inout State) -> Reaction {
        let version = UInt64(request.query["resourceVersion"] ?? "") ?? 0
        guard version >= state.cluster.forgotten else { return .watchError(Array((expiredLine + "\n").utf8)) }
        // While the lock is held: nothing that happens from now on comes before the head.
        Connection.sendWatchHead(on: channel)
        let missed = state.cluster.history.filter { $0.version > version }.flatMap(\.line)
        state.watchers[ObjectIdentifier(channel)] = Watcher(
            channel: channel,
            version: max(version, state.cluster.version)
        )
        if !missed.isEmpty { channel.sendPart(missed) }
        return .watch(seconds: Int64(request.query["timeoutSeconds"] ?? "") ?? 1)
    }

    private static func reply(to request: RecordedRequest, _ kind: RequestKind, _ state: inout State) -> Reply {
        let parts = request.path.split(separator: "/").map(String.init)
        switch kind {
        case .list:
            let limit = request.query["limit"].flatMap { Int($0) }
            guard let page = state.cluster.page(limit: limit, token: request.query["continue"]) else {
                return .failure(410, "Expired", "The provided continue parameter is too old")
            }
            return Reply(status: 200, body: page)
        case .get:
            guard let node = state.cluster.nodes[parts[3]] else { return notFound("nodes", parts[3]) }
            return Reply(status: 200, body: node)
        case .getPod:
            guard let node = state.cluster.pods["\(parts[3])/\(parts[5])"] else { return notFound("pods", parts[5]) }
            return .document(
                [
                    "apiVersion": "v1", "kind": "Pod",
                    "metadata": ["name": .string(parts[5]), "namespace": .string(parts[3])],
                    "spec": node.isEmpty ? [:] : ["nodeName": .string(node)], "status": [:],
                ]
            )
        case .patchStatus:
            guard let node = state.cluster.node(parts[3]) else { return notFound("nodes", parts[3]) }
            guard let patch = try? JSONValue(parsing: request.body) else {
                return .failure(400, "BadRequest", "no JSON")
            }
            if let uid = patch.object?["metadata"]?.object?["uid"], uid != node.object?["metadata"]?.object?["uid"] {
                return .failure(409, "Conflict", "the UID in the precondition does not match the UID in record")
            }
            let patched = node.mergedStrategically(with: patch)
            // What changes nothing makes no new version.
            if patched != node { tell(state.cluster.put(parts[3], patched), &state) }
            return Reply(status: 200, body: state.cluster.nodes[parts[3]] ?? [])
        case .createEvent:
            guard let event = try? JSONValue(parsing: request.body),
                let name = event.object?["metadata"]?.object?["name"]?.string
            else { return .failure(400, "BadRequest", "no event") }
            guard state.cluster.events[name] == nil else {
                return .failure(409, "AlreadyExists", "events \"\(name)\" already exists")
            }
            state.cluster.events[name] = event
            return .document(event, status: 201)
        case .patchEvent:
            guard let event = state.cluster.events[parts[5]], let patch = try? JSONValue(parsing: request.body) else {
                return notFound("events", parts[5])
            }
            let patched = event.mergedStrategically(with: patch)
            state.cluster.events[parts[5]] = patched
            return .document(patched)
        case .watch: return .failure(500, "InternalError", "a watch is no reply")
        }
    }

    private static func notFound(_ resource: String, _ name: String) -> Reply {
        .failure(404, "NotFound", "\(resource) \"\(name)\" not found")
    }

    /// The path and the query's parameters, decoded.
    private static func split(_ uri: String) -> (path: String, query: [String: String]) {
        let parts = uri.split(separator: "?", maxSplits: 1)
        var query: [String: String] = [:]
        for parameter in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
            let pair = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query[decode(pair[0])] = pair.count > 1 ? decode(pair[1]) : ""
        }
        return (decode(parts.first ?? ""), query)
    }

    private static func decode(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            if byte == UInt8(ascii: "%"), let value = UInt8(digits, radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                // As Go's parser has it.
                bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
