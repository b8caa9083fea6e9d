// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
internal import KubernetesClient
internal import LinuxSystem
public import Overlay
internal import Synchronization

/// The Kubernetes API: the cluster gives each node its subnets, and nodes publish the rest in their annotations, as
/// flannel does.
///
/// ``shutdown()`` must be called before the last reference ends.
public final class KubernetesSubnetStore: SubnetStore {
    /// What this process has published, and goes on publishing.
    struct Published: Hashable {
        /// Which node of that name it is.
        var uid: String
        var lease: Lease
        var annotations: [String: String?]
        /// What somebody wanted to be published: with something else it has to be thought over.
        var overwrites: [String: String]
    }

    struct State {
        /// The name of this node; nil until the pod that runs on it was asked for.
        var nodeName: String?
        var published: Published?
        /// How often that had to be written again.
        var repetitions = Repetitions()
        /// What was told last of the addresses to use.
        var hints: AddressHints?
        var isReady = false
        /// Whether the API has answered the last time it was asked for something.
        var isAnswering = false
        /// What was reported, by the reasons.
        var reports: [String: Reported] = [:]
        var isReportingForbidden = false
        /// The network's families that this node has no subnet of; nil until the API has told its subnets.
        var missingFamilies: [AddressFamily]?
        var followers: [FollowerReference] = []
    }

    /// An event about this node.
    struct Reported {
        var report: NodeReport
        /// When it was told last.
        var last: ContinuousClock.Instant
    }

    /// Somebody who looks at snapshots, and is told of changes that the API does not report.
    struct FollowerReference {
        weak var alarm: NodeFeed.Alarm?
    }

    /// What the store was made with.
    public let options: KubernetesStoreOptions
    let client: KubernetesClient
    /// What the names of all annotations begin with.
    let prefix: String
    let state: Mutex<State>

    /// Reads the certificates; the API may be away.
    public init(_ options: KubernetesStoreOptions) throws(OverlayError) {
        guard let prefix = NodeAnnotations.fullPrefix(options.annotationPrefix) else {
            throw OverlayError(
                .option,
                "--kube-annotation-prefix \"\(options.annotationPrefix)\" cannot begin annotations",
                advice:
                    "write a domain, such as flannel.alpha.coreos.com, and after one slash lower-case letters, digits, "
                    + "_ and -"
            )
        }
        self.options = options
        self.prefix = prefix
        var initial = State()
        if case .node(let name) = options.node { initial.nodeName = name }
        state = Mutex(initial)
        var clientOptions = options.client
        clientOptions.annotationPrefix = prefix
        do throws(KubernetesError) { client = try KubernetesClient(clientOptions) } catch { throw OverlayError(error) }
    }

    /// Closes all connections; what was published stays.
    public func shutdown() async { await client.shutdown() }

    /// Gives up all connections, which may be from an address that this node has no longer.
    public func reconnect() { client.reconnect() }

    /// Publishes how the node is reached, once the cluster has given it its subnets; see `SubnetStore`.
    ///
    /// It is asked for again whenever what was published is not what should be: by a snapshot without the own lease when
    /// somebody has changed the annotations or the subnets, or the node was made anew; by one in which it is due when the
    /// overrides, the addresses to use or the condition are others.
    ///
    /// - Throws: `storeUnavailable` until the API answers, `notGranted` until the node exists and has its subnets,
    ///   `configuration` when those are not part of the network, `malformedText` when an override is none, `duplicateNode`
    ///   when somebody else writes other things again and again; after each a later call may succeed.
    public func holdLease(
        publishing node: NodeDescription,
        in network: NetworkConfiguration,
        previous: PerFamily<IPPrefix> = PerFamily()
    ) async throws(OverlayError) -> HeldLease {
        do throws(OverlayError) {
            return HeldLease(lease: try await publish(node, in: network), renewal: nil)
        } catch {
            await report(error)
            throw error
        }
    }

    /// All leases now, and again after each change; see `SubnetStore`.
    public func snapshots() -> KubernetesSnapshots { KubernetesSnapshots(self) }

    /// Takes this node's annotations away; without any, nothing.
    public func releaseLease() async throws(OverlayError) {
        guard let found = try await ownNode(), found.isManaged else { return }
        var annotations: [String: String?] = [:]
        for key in NodeAnnotations.texts(LeaseAttributes(publicAddresses: PerFamily(), backendType: .alloc), []).keys
        where found.annotations[key] != nil { annotations[prefix + key] = .some(nil) }
        let removed = annotations
        _ = try await reaching { () async throws(KubernetesError) in
            try await self.client.patchStatus(ofNode: found.name, uid: found.uid, annotations: removed)
        }
        setPublished(nil)
    }

    /// Which addresses the node should use, as far as the cluster says.
    ///
    /// - Throws: As ``holdLease(publishing:in:previous:)`` does.
    public func addressHints() async throws(OverlayError) -> AddressHints {
        do throws(OverlayError) {
            let hints = try await requiredNode().hints()
            change(\.hints, to: hints)
            return hints
        } catch {
            await report(error)
            throw error
        }
    }

    /// Tells the cluster that pods of this node can be reached, now and whenever somebody says otherwise.
    public func announceReadiness() async throws(OverlayError) {
        state.withLock { $0.isReady = true }
        guard options.clearsNetworkUnavailable else { return }
        let node = try await requiredNode()
        guard needsClearing(node) else { return }
        _ = try await reaching { () async throws(KubernetesError) in
            try await self.client.patchStatus(
                ofNode: node.name,
                uid: node.uid,
                networkUnavailable: (Self.readyCondition, Timestamp.text(SystemClock.now / 1_000_000_000))
            )
        }
    }

    /// Asks the API.
    func reaching<Result: Sendable>(
        _ body: () async throws(KubernetesError) -> Result
    ) async throws(OverlayError) -> Result {
        do throws(KubernetesError) {
            let result = try await body()
            state.withLock { $0.isAnswering = true }
            return result
        } catch {
            state.withLock { $0.isAnswering = false }
            throw OverlayError(error)
        }
    }
}

extension OverlayError {
    /// A request to the API that failed: all that may pass.
    init(_ error: KubernetesError) {
        let advice =
            switch error.code {
            case .configuration, .invalidRequest: ""
            case .unreachable, .unavailable, .notFound, .conflict, .expired:
                "until the API is back nothing changes, and what is known goes on being used"
            case .refused: "check the service account's token, or the kubeconfig file"
            case .forbidden: "check the ClusterRole: nodes get, list, watch; nodes/status patch"
            case .malformedAnswer: "check --kube-api-url"
            }
        self.init(error.code == .configuration ? .option : .storeUnavailable, error.message, advice: advice)
    }
}
