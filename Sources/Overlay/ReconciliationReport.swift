// swift-cni, SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
internal import Netlink
public import RouteNetlink

/// What a run of the ``Reconciler`` did.
public struct ReconciliationReport: Hashable, Sendable {
    /// A change that did not come about.
    public struct Failure: Hashable, Sendable, CustomStringConvertible {
        /// What should have been done.
        public let change: Change
        /// What the kernel said.
        public let number: ErrorNumber
        /// What was tried, what the kernel said, and what may help.
        public let description: String

        /// Whether packets get to all peers without it.
        public var isHarmless: Bool { change.kind == .setting }
    }

    /// How many changes of each kind were made.
    public private(set) var repairs: [Change.Kind: Int] = [:]
    /// The changes that did not come about.
    public private(set) var failures: [Failure] = []
    /// The names of tunnel devices that go on listening to router advertisements, as `/proc/sys` is read-only here.
    ///
    /// That is so in a container without privileges; nothing fails for it, and trying again does not help.
    public private(set) var listeningDevices: Set<String> = []
    /// Routes through the tunnel device that somebody else made; they stay.
    public let foreignRoutes: [Route]
    /// Routes that somebody else made where one of ours belongs; they stay, and the peer is not reached.
    public let conflictingRoutes: [Route]
    /// The tunnel devices that are there now.
    public internal(set) var devices = PerFamily<LinkIndex>()
    /// How many changing requests were sent to the kernel.
    public internal(set) var requestCount = 0

    /// Whether something was gone that should have been there to be removed.
    private(set) var isSurprised = false

    init(_ difference: Difference) {
        foreignRoutes = difference.foreignRoutes
        conflictingRoutes = difference.conflictingRoutes
    }

    /// Begins with what the kernel was found to be by the run that an update or a check follows.
    init(after last: ReconciliationReport) {
        foreignRoutes = last.foreignRoutes
        conflictingRoutes = last.conflictingRoutes
        failures = last.failures
        listeningDevices = last.listeningDevices
        devices = last.devices
    }

    /// Whether the kernel held already what is desired.
    public var isUnchanged: Bool { repairs.isEmpty && failures.isEmpty && requestCount == 0 }
    /// Whether packets get to all peers that are not skipped.
    public var isComplete: Bool { conflictingRoutes.isEmpty && failures.allSatisfy(\.isHarmless) }

    /// What is not as it should be and cannot be changed from here, and what to do about it.
    public var limitations: [String] {
        listeningDevices.sorted().map { name in
            "router advertisements that come in over \(name) count unless this node forwards IPv6, as /proc/sys is read-only "
                + "here; on the node itself, sysctl -w net/ipv6/conf/\(name)/accept_ra=0 refuses them"
        }
    }

    mutating func noteListening(_ device: String) { listeningDevices.insert(device) }

    mutating func note(_ change: Change) { repairs[change.kind, default: 0] += 1 }

    mutating func note(_ change: Change, _ error: NetlinkError) {
        // Somebody else was as fast.
        if change.satisfyingErrors.contains(error.number) {
            isSurprised = true
            return
        }
        failures.append(Failure(change: change, number: error.number, description: "\(error)"))
    }

    mutating func note(_ change: Change, _ error: SystemCallError) {
        failures.append(Failure(change: change, number: error.number, description: "\(error)"))
    }
}
