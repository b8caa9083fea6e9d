// swift-cni, SPDX-License-Identifier: Apache-2.0

/// What a request is for.
public enum RequestKind: Hashable, Sendable {
    /// All nodes, or a page of them.
    case list
    /// Changes of nodes.
    case watch
    /// One node.
    case get
    /// A change of a node's status.
    case patchStatus
    /// One pod.
    case getPod
    /// A new event.
    case createEvent
    /// A change of an event.
    case patchEvent
}

/// What the server does once instead of what it is asked to do.
public enum Fault: Hashable, Sendable {
    /// It answers with a `Status`.
    case status(UInt, reason: String, retryAfter: Int? = nil)
    /// A watch is accepted, and told at once that it is over by an event of type `ERROR`.
    case errorEvent(UInt, reason: String)
    /// Something in front of the API answers.
    case foreign(UInt)
    /// Nothing is answered, and the connection stays open.
    case silence
    /// The connection is closed without an answer.
    case close
    /// The answer breaks off after so many bytes of its body.
    case cut(afterBytes: Int)
    /// The answer comes in parts of so many bytes, some milliseconds apart.
    case trickle(bytes: Int, milliseconds: Int64)
    /// The answer is this instead of a document.
    case body(String)
}

/// A request as it came.
public struct RecordedRequest: Hashable, Sendable {
    /// What it was for; nil when it was unexpected.
    public let kind: RequestKind?
    /// The method.
    public let method: String
    /// The path without the query.
    public let path: String
    /// The query's parameters.
    public let query: [String: String]
    /// The headers by their names in lower case.
    public let headers: [String: String]
    /// The body.
    public let body: [UInt8]
}
