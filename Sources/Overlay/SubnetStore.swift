// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// Where nodes agree on who has which subnet: a shared directory, etcd, or the Kubernetes API.
///
/// A store is one node's view. It knows the node's identity (a file, the name of a Kubernetes node); what the node
/// publishes is given with each call, and may change from call to call.
public protocol SubnetStore: Sendable {
    /// All leases, again and again.
    associatedtype Snapshots: AsyncSequence & Sendable
    where Snapshots.Element == SubnetSnapshot, Snapshots.Failure == Never

    /// The network's configuration as it is now.
    ///
    /// - Throws: `storeUnavailable` when it cannot be read now, `notConfigured` when there is none: both may pass.
    func networkConfiguration() async throws(OverlayError) -> NetworkConfiguration

    /// Takes, takes up again, or prolongs the node's lease, and publishes how the node is reached.
    ///
    /// The lease that the node has already is kept when it fits the configuration. A store that allocates nothing, as
    /// Kubernetes does not, returns what the node was given, or throws `notGranted` until it was.
    ///
    /// - Parameters:
    ///   - node: What is published, once the subnets are known.
    ///   - previous: Subnets to prefer, such as those of an earlier subnet.env.
    func holdLease(
        publishing node: NodeDescription,
        in network: NetworkConfiguration,
        previous: PerFamily<IPPrefix>
    ) async throws(OverlayError) -> HeldLease

    /// Whole snapshots of all leases, never what changed between two: one at once, one after each change.
    ///
    /// An outage ends nothing: a snapshot with the leases known last says so, and the next one says that it is over.
    func snapshots() -> Snapshots

    /// Takes notice that the node has other addresses than before: connections from those it had lead nowhere now.
    func reconnect()

    /// Which addresses the store would have the node use; nothing where it has no opinion.
    func addressHints() async throws(OverlayError) -> AddressHints

    /// Tells the store that containers of this node can be reached.
    func announceReadiness() async throws(OverlayError)

    /// What the store does not let this node do and what can be done without, in words for whoever runs it.
    var limitations: [String] { get }

    /// Gives the node's lease back, as when the node is cleaned up for good; without a lease, nothing.
    func releaseLease() async throws(OverlayError)
}

extension SubnetStore {
    /// A store without connections has nothing to do.
    public func reconnect() {}
    /// A store that only keeps leases has no opinion.
    public func addressHints() async throws(OverlayError) -> AddressHints { AddressHints() }
    /// A store that only keeps leases tells nobody.
    public func announceReadiness() async throws(OverlayError) {}
    /// Most do what they are asked, or say that they cannot.
    public var limitations: [String] { [] }
}

/// Which addresses of its own a node should use towards the others, as somebody else sees it.
public struct AddressHints: Hashable, Sendable {
    /// What somebody asks for.
    public var requested: PerFamily<IPAddress>
    /// By which the node is known.
    public var known: PerFamily<IPAddress>

    /// Describes hints; without any, nothing.
    public init(
        requested: PerFamily<IPAddress> = PerFamily(),
        known: PerFamily<IPAddress> = PerFamily()
    ) {
        self.requested = requested
        self.known = known
    }
}

/// The node's own lease, as a store granted it.
public struct HeldLease: Hashable, Sendable {
    /// The lease.
    public var lease: Lease
    /// How long from now the store wants ``SubnetStore/holdLease(publishing:in:previous:)`` to be called again.
    ///
    /// Nil when the lease does not end by itself.
    public var renewal: Duration?
    /// How long from now nobody else can be given the subnets, whatever happens to this node.
    ///
    /// Nil when the lease does not end by itself.
    public var validity: Duration?

    /// Creates a grant.
    public init(lease: Lease, renewal: Duration?, validity: Duration? = nil) {
        self.lease = lease
        self.renewal = renewal
        self.validity = validity
    }
}

/// All leases at one moment.
public struct SubnetSnapshot: Hashable, Sendable {
    /// The node's own lease; nil when it has none, or has lost it.
    public var own: Lease?
    /// Whether the lease is to be held again although it is there, as something has changed that it depends on.
    public var isHoldDue = false
    /// The leases of all others, in the order of their keys.
    public var peers: [Lease]
    /// Why the store cannot be read, nil when it can; while it cannot, the leases are those known last.
    public var outage: OverlayError?
    /// Entries that cannot be used, in the order of their keys, each with what to do about it.
    public var problems: [OverlayError]

    /// Creates a snapshot.
    public init(own: Lease?, peers: [Lease], outage: OverlayError? = nil, problems: [OverlayError] = []) {
        self.own = own
        self.peers = peers
        self.outage = outage
        self.problems = problems
    }
}
