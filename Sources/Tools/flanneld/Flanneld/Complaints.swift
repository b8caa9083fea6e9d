// swift-cni, SPDX-License-Identifier: Apache-2.0

/// What has been complained of, by topic, so that a fault is logged when it comes and when it goes, and not each second.
struct Complaints: Sendable {
    /// What a complaint is about.
    enum Topic: String, CaseIterable, Sendable {
        /// The network's configuration.
        case configuration
        /// The lease.
        case lease
        /// The store.
        case store
        /// What the store holds.
        case entries
        /// That the store could not be told that the node is ready.
        case announcement
        /// What the store does not let the node do, and what can be done without.
        case limitations
        /// The interface towards the other nodes.
        case uplink
        /// Peers that are left out.
        case peers
        /// What the kernel refused.
        case kernel
        /// Routes that somebody else made.
        case routes
        /// Traffic rules.
        case rules
        /// The files that tell plugins and runtime how far the node is.
        case files
        /// What was done on this node, which is kept for the next start.
        case record
        /// What is known of the network, which is kept for the next boot.
        case memory
        /// What keeps Services from working on the same node.
        case host
        /// The port that tells how the node is.
        case healthPort
        /// The socket file that does.
        case statusSocket
    }

    private var current: [Topic: [String]] = [:]

    /// What is complained of now.
    subscript(topic: Topic) -> [String] { current[topic] ?? [] }

    /// Replaces the complaints about a topic.
    ///
    /// Two that differ only in the advice behind the semicolon are one.
    ///
    /// - Returns: Those that were not there before, and those that are no longer.
    mutating func replace(_ topic: Topic, _ texts: [String]) -> (new: [String], gone: [String]) {
        let before = current[topic] ?? []
        if before == texts { return ([], []) }
        current[topic] = texts.isEmpty ? nil : texts
        let (old, new) = (Set(before.map(Self.fault)), Set(texts.map(Self.fault)))
        return (
            texts.filter { !old.contains(Self.fault($0)) },
            before.filter { !new.contains(Self.fault($0)) }.map { String(Self.fault($0)) }
        )
    }

    private static func fault(_ text: String) -> Substring { text.prefix { $0 != ";" } }
}
