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
            overwrites: Self.overwrites(of: node)
        )
        let changes = published.annotations.filter { node.annotations[$0.key] != $0.value }
        let annotations = Dictionary(uniqueKeysWithValues: changes.map { (prefix + $0.key, $0.value) })
        let isClearing = needsClearing(node)
        // Before it is sent: what the API tells of it must be known then. If it does not arrive, the node is not so.
        setPublished(published)
        if !annotations.isEmpty || isClearing {
            let now = ContinuousClock.now
            guard state.withLock({ $0.repetitions.admits(published, at: now) }) else {
                throw contested(node.name, annotations.keys.sorted() + (isClearing ? ["NetworkUnavailable"] : []))
            }
            let moment = Timestamp.text(SystemClock.now / 1_000_000_000)
            _ = try await reaching { () async throws(KubernetesError) in
                try await self.client.patchStatus(
                    ofNode: node.name,
                    uid: node.uid,
                    annotations: annotations,
                    networkUnavailable: isClearing ? (Self.readyCondition, moment) : nil
                )
            }
            state.withLock { $0.repetitions.note(published, at: now) }
        }
        return lease
    }

    /// What to say when somebody else goes on writing what is this node's to write.
    private func contested(_ name: String, _ parts: [String]) -> OverlayError {
        OverlayError(
            .duplicateNode,
            "somebody else keeps changing what node \(name) publishes: \(parts.joined(separator: ", "))",
            advice: "does a second flanneld run as this node (NODE_NAME)? this one writes it again once a minute"
        )
    }

    /// Whether a node still says what was published, so that others find this one.
    func isAsPublished(_ node: Node) -> Bool {
        guard let published = state.withLock({ $0.published }), published.uid == node.uid,
            let subnets = try? node.subnets()
        else { return false }
        let expected = published.lease.subnets
        return expected.families.allSatisfy { subnets[$0] == expected[$0] }
            && published.annotations.allSatisfy { node.annotations[$0.key] == $0.value }
    }

    /// Whether what was published may have to be something else by now, or the condition has to be cleared.
    func isHoldDue(_ node: Node) -> Bool {
        let (published, hints) = state.withLock { ($0.published, $0.hints) }
        // Nothing was published, and what that waited for may be there.
        guard let published else { return (try? node.subnets())?.families.isEmpty == false }
        // What cannot be read is another wish, too: whoever wrote it is to be told.
        return needsClearing(node) || isFamilyNew(node) || published.overwrites != Self.overwrites(of: node)
            || hints.map { $0 != (try? node.hints()) } ?? false
    }

    /// Notes what is published, and has all who look at snapshots compare.
    func setPublished(_ published: Published?) { change(\.published, to: published) }

    /// Notes something that snapshots depend on, and has all who look at them compare.
    func change<Value: Equatable>(_ part: WritableKeyPath<State, Value>, to value: Value) {
        let alarms = state.withLock { state in
            if state[keyPath: part] == value { return [NodeFeed.Alarm]() }
            state[keyPath: part] = value
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

    /// The lease of the own node, as others see it now; nil when they see none, or another one than was published.
    func ownLease(_ entry: NodeTable.Entry) -> Lease? {
        // An earlier process has published it, perhaps.
        guard let published = state.withLock({ $0.published }) else { return entry.lease }
        return isAsPublished(entry.node) ? published.lease : nil
    }

    /// What somebody wants to be published.
    private static func overwrites(of node: Node) -> [String: String] {
        let keys = AddressFamily.allCases.map(NodeAnnotations.overwrite)
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
                    .notGranted,
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
