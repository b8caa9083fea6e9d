// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import KubernetesClient
internal import LinuxSystem
internal import Overlay
internal import Synchronization

extension KubernetesSubnetStore {
    /// What flannel says when it runs; whatever looks for that finds it.
    static var readyCondition: NodeCondition {
        NodeCondition(isMet: false, reason: "FlannelIsUp", message: "Flannel is running on this node")
    }

    /// This node.
    ///
    /// - Throws: `storeUnavailable` while it does not exist: the kubelet makes it.
    func requiredNode() async throws(OverlayError) -> Node {
        let found = try await reaching { () async throws(KubernetesError) in try await self.ownNode() }
        guard let found else {
            throw OverlayError(
                .storeUnavailable,
                "the cluster has no node \"\(options.nodeName)\"",
                advice: "waits for the kubelet to register it; is NODE_NAME this node's name?"
            )
        }
        return found
    }

    /// Whether the condition is to be cleared.
    func needsClearing(_ node: Node) -> Bool {
        options.clearsNetworkUnavailable && state.withLock { $0.isReady } && node.networkUnavailable?.isMet != false
    }

    /// Publishes what other nodes have to know of this one, when that is not what they know already.
    func publish(_ description: NodeDescription, in network: NetworkConfiguration) async throws(OverlayError) -> Lease {
        let node = try await requiredNode()
        let subnets = try subnets(of: node, in: network)
        var description = description
        for family in subnets.families {
            if let address = try node.address(NodeAnnotations.overwrite(family), family) {
                description.publicAddresses[family] = address
            }
        }
        let attributes = description.attributes(for: subnets, in: network, published: try? node.leaseAttributes())
        let lease = Lease(subnets: subnets, attributes: attributes)
        let published = Published(
            uid: node.uid,
            lease: lease,
            annotations: NodeAnnotations.texts(attributes, subnets.families),
            wishes: Self.wishes(of: node)
        )
        let changes = published.annotations.filter { node.annotations[$0.key] != $0.value }
        let annotations = Dictionary(uniqueKeysWithValues: changes.map { (prefix + $0.key, $0.value) })
        let isClearing = needsClearing(node)
        // Before it is sent: what the API tells of it must be known then. If it does not arrive, the node is not so.
        setPublished(published)
        if !annotations.isEmpty || isClearing {
            let moment = Timestamp.text(SystemClock.now / 1_000_000_000)
            _ = try await reaching { () async throws(KubernetesError) in
                try await self.client.patchStatus(
                    ofNode: node.name,
                    uid: node.uid,
                    annotations: annotations,
                    networkUnavailable: isClearing ? (Self.readyCondition, moment) : nil
                )
            }
        }
        return lease
    }

    /// Whether a node is still what was made of it, so that nothing is to be done.
    func isAsPublished(_ node: Node) -> Bool {
        guard let published = state.withLock({ $0.published }), published.uid == node.uid,
            published.wishes == Self.wishes(of: node), !needsClearing(node), let subnets = try? node.subnets()
        else { return false }
        let expected = published.lease.subnets
        return expected.families.allSatisfy { subnets[$0] == expected[$0] }
            && published.annotations.allSatisfy { node.annotations[$0.key] == $0.value }
    }

    /// Notes what is published, and has all who look at snapshots compare.
    func setPublished(_ published: Published?) {
        let alarms = state.withLock { state in
            if state.published == published { return [NodeFeed.Alarm]() }
            state.published = published
            return state.followers.compactMap(\.alarm)
        }
        for alarm in alarms { alarm.ring() }
    }

    /// Has a follower told when what is published changes.
    func tell(_ alarm: NodeFeed.Alarm) {
        state.withLock { state in
            state.followers.removeAll { $0.alarm == nil }
            state.followers.append(FollowerReference(alarm: alarm))
        }
    }

    /// What this process has published; nil for nothing.
    var ownLease: Lease? { state.withLock { $0.published?.lease } }

    /// What somebody else has written for this node to follow.
    private static func wishes(of node: Node) -> [String: String] {
        let keys = AddressFamily.allCases.flatMap { [NodeAnnotations.overwrite($0), NodeAnnotations.requested($0)] }
        return node.annotations.filter { keys.contains($0.key) }
    }

    /// The subnets that the cluster has given the node, of the network's families.
    private func subnets(
        of node: Node,
        in network: NetworkConfiguration
    ) throws(OverlayError) -> PerFamily<IPPrefix> {
        let given = try node.subnets()
        var subnets = PerFamily<IPPrefix>()
        for family in network.families.families {
            guard let subnet = given[family] else {
                throw OverlayError(
                    .storeUnavailable,
                    "node \(node.name) has no \(family) podCIDR",
                    advice: "waits for the cluster to give it one; does kube-controller-manager run with "
                        + "--allocate-node-cidrs and a --cluster-cidr of that family?"
                )
            }
            guard let whole = network.families[family]?.network, whole.contains(subnet) else {
                throw OverlayError(
                    .configuration,
                    "the podCIDR \(subnet) of node \(node.name) is not part of the network",
                    advice: "make Network in net-conf.json the same as --cluster-cidr of kube-controller-manager"
                )
            }
            subnets[family] = subnet
        }
        return subnets
    }
}
