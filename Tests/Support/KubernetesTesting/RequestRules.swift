// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

/// What a client of ours may ask for, and how: whatever else comes is a fault of the client's.
enum RequestRules {
    /// What a request is for; nil when nothing of the kind is served.
    static func kind(method: String, path: String, query: [String: String]) -> RequestKind? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        switch (method, parts.count) {
        case ("GET", 3) where path == "/api/v1/nodes": return query["watch"] == nil ? .list : .watch
        case ("GET", 4) where path.hasPrefix("/api/v1/nodes/"): return .get
        case ("PATCH", 5) where path.hasPrefix("/api/v1/nodes/") && path.hasSuffix("/status"): return .patchStatus
        case ("GET", 6) where path.hasPrefix("/api/v1/namespaces/") && path.contains("/pods/"): return .getPod
        case ("POST", 5) where path == "/api/v1/namespaces/default/events": return .createEvent
        case ("PATCH", 6) where path.hasPrefix("/api/v1/namespaces/default/events/"): return .patchEvent
        default: return nil
        }
    }

    /// What is wrong with a request; nil for nothing.
    static func complaint(about request: RecordedRequest, host: String) -> String? {
        guard let kind = request.kind else { return "nothing of the kind is served" }
        if request.headers["accept"] != "application/json" { return "no JSON is accepted" }
        if request.headers["host"] != host { return "host is \(request.headers["host"] ?? "missing"), not \(host)" }
        if request.headers["user-agent"] == nil { return "no user agent" }
        switch kind {
        case .list: return queryComplaint(request, allowed: ["limit", "continue"], required: ["limit"])
        case .watch:
            let names: Set = ["watch", "allowWatchBookmarks", "resourceVersion", "timeoutSeconds"]
            if let complaint = queryComplaint(request, allowed: names, required: names) { return complaint }
            if request.query["allowWatchBookmarks"] != "true" { return "no bookmarks" }
            if UInt64(request.query["resourceVersion"] ?? "") == nil { return "no version" }
            return UInt64(request.query["timeoutSeconds"] ?? "") == nil ? "no time limit" : nil
        case .get, .getPod: return queryComplaint(request, allowed: [], required: [])
        case .patchStatus: return bodyComplaint(request, "application/strategic-merge-patch+json", patchComplaint)
        case .createEvent: return bodyComplaint(request, "application/json", eventComplaint)
        case .patchEvent:
            return bodyComplaint(request, "application/strategic-merge-patch+json") {
                keysComplaint($0, allowed: ["count", "lastTimestamp", "message"])
            }
        }
    }

    private static func queryComplaint(
        _ request: RecordedRequest,
        allowed: Set<String>,
        required: Set<String>
    ) -> String? {
        let names = Set(request.query.keys)
        guard names.isSubset(of: allowed), required.isSubset(of: names) else {
            return "the query has \(names.sorted())"
        }
        return request.body.isEmpty ? nil : "a body"
    }

    private static func bodyComplaint(
        _ request: RecordedRequest,
        _ type: String,
        _ check: (JSONValue) -> String?
    ) -> String? {
        if !request.query.isEmpty { return "a query" }
        if request.headers["content-type"] != type { return "content type \(request.headers["content-type"] ?? "")" }
        guard let body = try? JSONValue(parsing: request.body) else { return "the body is no JSON" }
        return check(body)
    }

    /// Nothing but annotations and the one condition: all else of a node is somebody else's.
    private static func patchComplaint(_ body: JSONValue) -> String? {
        if let complaint = keysComplaint(body, allowed: ["metadata", "status"])
            ?? keysComplaint(body.object?["metadata"] ?? [:], allowed: ["annotations", "uid"])
            ?? keysComplaint(body.object?["status"] ?? [:], allowed: ["conditions"])
        {
            return complaint
        }
        for annotation in body.object?["metadata"]?.object?["annotations"]?.object?.members ?? []
        where annotation.value.string == nil && annotation.value != .null {
            return "annotation \(annotation.key) is no string"
        }
        for condition in body.object?["status"]?.object?["conditions"]?.array ?? [] {
            let names: Set = ["type", "status", "reason", "message", "lastTransitionTime", "lastHeartbeatTime"]
            if let complaint = keysComplaint(condition, allowed: names) { return complaint }
            guard condition.object?["type"] == "NetworkUnavailable",
                ["True", "False", "Unknown"].contains(condition.object?["status"]?.string)
            else { return "a condition that is not ours" }
            if let complaint = timeComplaint(condition, "lastTransitionTime") { return complaint }
            if let complaint = timeComplaint(condition, "lastHeartbeatTime") { return complaint }
        }
        return nil
    }

    private static func eventComplaint(_ body: JSONValue) -> String? {
        let names: Set = [
            "apiVersion", "kind", "metadata", "involvedObject", "reason", "message", "type", "source",
            "firstTimestamp", "lastTimestamp", "count",
        ]
        if let complaint = keysComplaint(body, allowed: names) { return complaint }
        let event = body.object
        guard event?["apiVersion"] == "v1", event?["kind"] == "Event",
            event?["metadata"]?.object?["name"]?.string?.isEmpty == false,
            event?["metadata"]?.object?["namespace"] == "default", event?["involvedObject"]?.object?["kind"] == "Node",
            ["Normal", "Warning"].contains(event?["type"]?.string)
        else { return "no event of a node" }
        return timeComplaint(body, "firstTimestamp") ?? timeComplaint(body, "lastTimestamp")
    }

    private static func timeComplaint(_ value: JSONValue, _ key: String) -> String? {
        let text = value.object?[key]?.string ?? ""
        return text.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/) == nil ? "\(key) is \"\(text)\", no time" : nil
    }

    private static func keysComplaint(_ value: JSONValue, allowed: Set<String>) -> String? {
        guard let object = value.object else { return "\(value.kind) instead of an object" }
        let names = Set(object.members.map(\.key))
        return names.isSubset(of: allowed) ? nil : "the body has \(names.subtracting(allowed).sorted())"
    }
}
