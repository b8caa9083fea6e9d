// swift-cni, SPDX-License-Identifier: Apache-2.0

/// A key with its value and history.
public struct EtcdEntry: Hashable, Sendable {
    /// The key.
    public var key: String
    /// The value; empty in the event of a deletion.
    public var value: [UInt8]
    /// The revision of the store in which the key was made.
    public var createRevision: Int64
    /// The revision of the store in which the key was written last.
    public var modRevision: Int64
    /// The lease that the key ends with, 0 for none.
    public var lease: Int64

    /// Describes an entry.
    public init(key: String, value: [UInt8], createRevision: Int64 = 0, modRevision: Int64 = 0, lease: Int64 = 0) {
        self.key = key
        self.value = value
        self.createRevision = createRevision
        self.modRevision = modRevision
        self.lease = lease
    }
}

/// One key, or all that begin alike.
public enum EtcdKeyRange: Hashable, Sendable {
    /// One key.
    case key(String)
    /// All keys that begin with a text, which must not be empty.
    case prefix(String)
}

/// The entries of a range, in the order of their keys, as the store had them at one revision.
public struct EtcdListing: Hashable, Sendable {
    /// The revision of the store.
    public var revision: Int64
    /// The entries.
    public var entries: [EtcdEntry]

    /// Describes a listing.
    public init(revision: Int64, entries: [EtcdEntry]) {
        self.revision = revision
        self.entries = entries
    }
}

/// What must be so for a transaction to succeed.
public enum EtcdCondition: Hashable, Sendable {
    /// The key does not exist.
    case isAbsent(String)
    /// The key was written last in this revision.
    case isUnchanged(String, since: Int64)
}

/// One step of a transaction.
public enum EtcdOperation: Hashable, Sendable {
    /// Writes a key; with a lease of 0 it does not end by itself.
    case put(key: String, value: [UInt8], lease: Int64)
    /// Deletes keys.
    case delete(EtcdKeyRange)
    /// Reads keys.
    case list(EtcdKeyRange)
}

/// How a transaction went.
public struct EtcdOutcome: Hashable, Sendable {
    /// Whether all conditions were met.
    public var hasSucceeded: Bool
    /// The revision of the store after the transaction.
    public var revision: Int64
    /// What each `list` of the branch that was taken found.
    public var listings: [[EtcdEntry]]
}

/// One change that a watch reports.
public enum EtcdEvent: Hashable, Sendable {
    /// A key was made or written.
    case put(EtcdEntry)
    /// A key is gone, in a revision of the store: deleted, or ended with its lease.
    case delete(key: String, modRevision: Int64)
}

/// A lease as etcd granted it.
public struct EtcdLease: Hashable, Sendable {
    /// Its number.
    public var id: Int64
    /// For how many seconds it lasts without being kept alive.
    public var timeToLive: Int64
}
