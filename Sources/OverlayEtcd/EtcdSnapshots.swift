// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import EtcdClient
internal import IPAddresses
public import Overlay

/// Snapshots of a network in etcd: the first at once, the next whenever something in them changed.
public struct EtcdSnapshots: AsyncSequence, Sendable {
    /// All leases at one moment.
    public typealias Element = SubnetSnapshot
    /// An outage is told in a snapshot.
    public typealias Failure = Never

    private let store: EtcdSubnetStore

    init(_ store: EtcdSubnetStore) { self.store = store }

    /// Starts to watch; the watch ends with the iterator.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(follower: LeaseFollower(store)) }

    /// Waits for changes in etcd.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private var follower: LeaseFollower

        fileprivate init(follower: LeaseFollower) { self.follower = follower }

        /// The next snapshot that differs from the last one; nil when the task was cancelled.
        public mutating func next() async -> SubnetSnapshot? { await follower.next() }

        /// The next snapshot that differs from the last one; nil when the task was cancelled.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(Never) -> SubnetSnapshot? {
            await follower.next()
        }
    }
}

/// Follows the leases in etcd: reads them all, then watches from there, and begins again when it has to.
struct LeaseFollower: Sendable {
    private enum Phase {
        case reading
        case opening
        case watching(EtcdWatch, since: ContinuousClock.Instant)
    }

    /// What was told last, apart from the peers.
    private struct Told: Hashable {
        var held: String?
        var own: Lease?
        var outage: OverlayError?
        var problems: [OverlayError]

        /// Whether a consumer would see more than that the store has taken note of what is known already.
        func differs(from other: Told?) -> Bool {
            other.map { own != $0.own || outage != $0.outage || problems != $0.problems } ?? true
        }
    }

    private let store: EtcdSubnetStore
    private var table: LeaseTable
    private var phase = Phase.reading
    private var failures = 0
    private var outage: OverlayError?
    private var hasChanged = false
    private var told: Told?

    init(_ store: EtcdSubnetStore) {
        self.store = store
        table = LeaseTable(store.keys)
    }

    /// The next snapshot; nil when the task was cancelled.
    mutating func next() async -> SubnetSnapshot? {
        while !Task.isCancelled {
            let held = store.held
            let isDue = hasChanged || held?.key != told?.held || outage != told?.outage || told == nil
            if isDue, table.revision > 0 || outage != nil {
                let snapshot = store.snapshot(of: table, held: held, outage: outage)
                let current = Told(
                    held: held?.key,
                    own: snapshot.own,
                    outage: outage,
                    problems: snapshot.problems
                )
                let isNews = hasChanged || current.differs(from: told)
                hasChanged = false
                told = current
                if isNews { return snapshot }
            }
            await step()
        }
        return nil
    }

    /// Does the next thing to do, and takes note of what goes wrong with it.
    private mutating func step() async {
        do throws(EtcdError) {
            switch phase {
            case .reading:
                try? await Task.sleep(for: Self.delay(after: failures))
                if table.replace(with: try await store.client.list(store.keys.leases)) { hasChanged = true }
                outage = nil
                phase = .opening
            case .opening:
                let watch = try await store.client.watch(store.keys.leases, from: table.revision + 1)
                store.tell(watch)
                phase = .watching(watch, since: .now)
            case .watching(let watch, _):
                guard let response = try await watch.next() else { return }
                if table.apply(response.events, revision: response.revision) { hasChanged = true }
            }
        } catch { note(error) }
    }

    /// Decides how to go on after a failure.
    private mutating func note(_ error: EtcdError) {
        if Task.isCancelled { return }
        switch phase {
        case .watching(_, let start) where error.code != .compacted:
            // A stream may end for no reason that matters; whether there is an outage shows when it is opened again.
            phase = .opening
            failures = start.duration(to: .now) > .seconds(1) ? 0 : failures + 1
            // One that always ends at once is not opened again at once.
            if failures > 1 { phase = .reading }
        case .opening where error.code == .compacted, .watching:
            phase = .reading
            failures += 1
        case .reading, .opening:
            outage = OverlayError(error)
            phase = .reading
            failures += 1
        }
    }

    /// How long to wait after so many failures: none, 0.1 s, 0.2 s, and so on up to 5 s, at most a half of it less, so
    /// that nodes that lost etcd together do not come back together.
    private static func delay(after failures: Int) -> Duration {
        guard failures > 0 else { return .zero }
        let milliseconds = min(5000, 100 << min(failures - 1, 10))
        return .milliseconds(Int.random(in: milliseconds / 2...milliseconds))
    }
}

extension EtcdSubnetStore {
    /// All leases as a table has them.
    func snapshot(of table: LeaseTable, held: Held?, outage: OverlayError?) -> SubnetSnapshot {
        var snapshot = SubnetSnapshot(own: nil, peers: [], outage: outage)
        let addresses = addresses
        snapshot.peers.reserveCapacity(table.entries.count)
        for entry in table.entries {
            if let problem = entry.problem { snapshot.problems.append(Self.problem(entry, problem)) }
            guard let subnets = entry.subnets, let attributes = entry.attributes else { continue }
            switch role(of: entry, attributes, held, addresses) {
            case .own where snapshot.own == nil: snapshot.own = Lease(subnets: subnets, attributes: attributes)
            case .own, .leftover: continue
            case .duplicate: snapshot.problems.append(duplicateError(entry))
            case .peer: snapshot.peers.append(Lease(subnets: subnets, attributes: attributes))
            }
        }
        return snapshot
    }

    private enum Role {
        case own
        case leftover
        case duplicate
        case peer
    }

    /// Whose an entry is.
    private func role(
        of entry: LeaseTable.Entry,
        _ attributes: LeaseAttributes,
        _ held: Held?,
        _ addresses: Set<PerFamily<IPAddress>>
    ) -> Role {
        // A subnet that is kept for nobody in particular leads nowhere.
        if entry.isReservation, attributes.publicAddresses.families.isEmpty { return .leftover }
        guard let held else { return entry.lease == leaseNumber ? .own : .peer }
        guard entry.key == held.key else { return entry.lease == leaseNumber ? .leftover : .peer }
        let isOurAddress = addresses.contains(attributes.publicAddresses)
        if entry.lease == leaseNumber {
            return isOurAddress || entry.modRevision == held.modRevision ? .own : .duplicate
        }
        // While a change of our own is on its way to us, the entry still says what it said before.
        if entry.modRevision < held.modRevision { return .own }
        if entry.isReservation { return isOurAddress ? .own : .peer }
        return isOurAddress ? .duplicate : .peer
    }

    private static func problem(_ entry: LeaseTable.Entry, _ reason: String) -> OverlayError {
        OverlayError(
            .malformedText,
            "\(entry.key) in etcd: \(reason)",
            advice: entry.subnets == nil
                ? "remove the key"
                : entry.attributes == nil
                    ? "its subnet is given to nobody; remove the key if no node uses it"
                    : "what it said before still counts; its node repairs it with its next renewal"
        )
    }
}
