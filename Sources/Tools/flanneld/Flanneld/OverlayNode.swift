// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import Logging
internal import Netlink
internal import Overlay
internal import RouteNetlink

/// This node's part of the overlay: knows what should be, makes the kernel hold it, and says how far that is.
///
/// It works on a thread of its own, as its calls to the kernel block for as long as the kernel takes. It never waits for the
/// store: what the store says is handed to it.
actor OverlayNode {
    let options: DaemonOptions
    let files: NodeFiles
    let log: Logger
    let systemd: SystemdNotifier
    let monitor: KernelMonitor
    let ticker: Ticker
    /// Rung when the node has got ready.
    let readiness = Bell()
    private nonisolated let executor: BlockingExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let socket: RouteSocket
    var reconciler: Reconciler
    let rules: TrafficRuleKeeper

    // What should be is worked out from these.
    var configuration: NetworkConfiguration?
    /// What the configuration is now, where the own lease is not of that network: until there is one, the former counts.
    var pending: NetworkConfiguration?
    var own: Lease?
    var snapshot: SubnetSnapshot?
    var uplink = UplinkView()
    /// Which addresses the store would have this node use; nil until that is known.
    var hints: AddressHints?
    /// How others reach this node by what the store was told, which may have had another word with them.
    private(set) var offered: PerFamily<IPAddress>?
    /// The nodes whose leases were there a moment ago.
    var departed = DepartedPeers()

    // What has been done.
    var plan: Plan?
    var record: NodeRecord
    var progress = Progress()
    var counters = Counters()
    /// How far the overlay is, as the plugin has been told, by an earlier daemon perhaps.
    var told: StatusFile?
    /// What `subnet.env` says, since it was looked at last.
    var published: SubnetFile?
    /// What log and systemd have been told.
    var announced: StatusFile.State?
    /// Whether the overlay was ready in this boot.
    var wasReady: Bool
    /// Whether a network list of an earlier boot is gone.
    var isListWithdrawn = false
    /// Why there is no configuration or lease, or why the lease cannot be renewed.
    var leaseProblem: OverlayError?
    /// Until when the own lease is known to be this node's, in seconds since 1970; nil when it does not end.
    var validUntil: Int64?
    /// What an earlier daemon knew, as long as it is of use.
    private var memory = Memories.unread
    /// What is kept for the next boot has changed since it was written.
    var isUnsaved = false
    /// When it may be written next, on the monotonic clock in nanoseconds.
    private var nextSave: Int64 = 0
    /// When the memory that runs have used is given back, on the monotonic clock in nanoseconds.
    var memoryEnd: Int64?
    /// How long after a run that is, in nanoseconds.
    static var memoryPatience: Int64 { 1_000_000_000 }
    /// When files that could not be written are tried again, on the monotonic clock in nanoseconds.
    var nextTelling: Int64?
    /// What has been complained of, so that it is said once.
    var complaints = Complaints()

    /// What is on the disk from an earlier boot.
    private enum Memories {
        case unread
        case read(RememberedNetwork?)
    }

    /// What should be, worked out from all that is known.
    struct Plan {
        var desired: DesiredState
        var rules: TrafficRules
        /// What it was worked out with: another uplink asks for another plan.
        var uplinks: PerFamily<Uplink>
    }

    /// Opens what is used in the calling thread's namespace.
    init(_ options: DaemonOptions, _ log: Logger, _ systemd: SystemdNotifier) throws(OverlayError) {
        self.options = options
        self.log = log
        self.systemd = systemd
        files = try NodeFiles(options)
        record = try NodeRecord(at: NodeRecord.path(in: options.stateDirectory))
        if !options.store.isKubernetes { hints = AddressHints() }
        wasReady = files.wasReady
        told = wasReady ? StatusFile(at: files.statusFile) : nil
        executor = try BlockingExecutor()
        monitor = try KernelMonitor.start()
        ticker = try Ticker.start(files)
        do throws(NetlinkError) {
            socket = try RouteSocket.open()
            reconciler = try Reconciler.open()
            rules = try TrafficRuleKeeper.open()
        } catch {
            throw OverlayError(.localFile, "\(error)", advice: "flanneld needs the capability CAP_NET_ADMIN")
        }
    }

    /// Says that the overlay is not there yet, where it is not: after a reboot nothing of it is left but the network list.
    func start() {
        if !BridgeNetfilter.isOn { log.notice("\(BridgeNetfilter.advice)") }
        guard !wasReady else {
            log.info("takes up what is there: \(files.subnetFile) is of this boot")
            return
        }
        tell()
    }

    // MARK: What the store says

    /// Takes over the network's configuration, or, when the own lease is not of that network, keeps it until one is.
    func use(_ configuration: NetworkConfiguration) {
        complain(.configuration, [])
        guard configuration != pending ?? self.configuration else { return }
        log.info("the network is \(configuration.summary)")
        if let own, self.configuration != nil, !admits(own.subnets, configuration) {
            pending = configuration
            lookForUplink()
            tell()
            return
        }
        adopt(configuration)
        lookForUplink()
        converge(.plan)
    }

    private func adopt(_ configuration: NetworkConfiguration) {
        self.configuration = configuration
        pending = nil
        departed.forget()
    }

    /// Notes why there is no configuration to be used.
    ///
    /// - Returns: The one to go on with; nil where none is known.
    func noteConfigurationProblem(_ error: OverlayError) -> NetworkConfiguration? {
        complain(.configuration, ["\(error)"])
        if configuration == nil { useRemembered("there is no configuration of the network") }
        tell()
        return pending ?? configuration
    }

    /// Takes over the own lease, which was held for what a description says.
    func use(_ held: HeldLease, for description: NodeDescription) {
        offered = description.publicAddresses
        leaseProblem = nil
        complain(.lease, [])
        counters.noteRenewal()
        validUntil = held.validity.map { SystemClock.now / 1_000_000_000 + $0.components.seconds }
        isUnsaved = true
        memory = .read(nil)
        let isMoved = pending.map { admits(held.lease.subnets, $0) } ?? false
        if let pending, isMoved { adopt(pending) }
        guard isMoved || held.lease != own else {
            tell()
            return
        }
        if let before = own?.subnets, before != held.lease.subnets {
            log.warning(
                "the subnet is now \(held.lease.subnets.summary), no longer \(before.summary): containers attached before keep addresses that other nodes no longer find here; make them anew"
            )
        } else {
            log.info("has subnet \(held.lease.subnets.summary)")
        }
        own = held.lease
        converge(.plan)
    }

    /// Takes over all leases.
    ///
    /// - Returns: Whether the own lease is still there, as far as the store can tell, and need not be held again.
    func use(_ snapshot: SubnetSnapshot) -> Bool {
        let wasHoldDue = self.snapshot?.isHoldDue ?? false
        complain(.entries, snapshot.problems.map(\.description))
        counters.noteSnapshot(snapshot)
        // What the store knew before it could not be read any more, this node knows already. Where nothing was read yet, as
        // while another node makes the store, it is the lease that is waited for.
        if let outage = snapshot.outage {
            if self.snapshot != nil { complain(.store, ["\(outage)"]) }
            tell()
            return true
        }
        complain(.store, [])
        if snapshot.peers != self.snapshot?.peers || self.snapshot == nil {
            self.snapshot = snapshot
            isUnsaved = true
            converge(.plan)
        } else {
            self.snapshot = snapshot
            tell()
        }
        // Without a lease it is asked for again and again anyway, and here at once.
        guard let own else { return !snapshot.isHoldDue || wasHoldDue }
        return snapshot.own?.subnets == own.subnets && !snapshot.isHoldDue
    }

    /// Notes why there is no lease; without anything else to go by, uses what was known in an earlier boot.
    func noteLeaseProblem(_ error: OverlayError) {
        leaseProblem = error
        complain(.lease, ["\(error)"])
        if snapshot == nil, own == nil, error.code == .storeUnavailable { useRemembered("the store cannot be reached") }
        tell()
    }

    private func useRemembered(_ reason: String) {
        guard own == nil, let remembered = remembered() else { return }
        memory = .read(nil)
        // Without a store the lease cannot be renewed, and by now somebody else may have the subnet.
        if let end = remembered.validUntil, end <= SystemClock.now / 1_000_000_000 {
            log.warning("\(reason), and what is known of the network is too old: the lease has ended")
            return
        }
        log.warning("\(reason); uses what was known last, \(remembered.peers.count) peers")
        configuration = remembered.configuration
        if hints == nil { hints = remembered.hints ?? AddressHints() }
        own = remembered.own
        validUntil = remembered.validUntil
        snapshot = SubnetSnapshot(own: remembered.own, peers: remembered.peers, outage: leaseProblem)
        lookForUplink()
        converge(.plan)
    }

    /// What was known in an earlier boot; nil where there is nothing that can be read, or it is of another store.
    func remembered() -> RememberedNetwork? {
        if case .read(let known) = memory { return known }
        var known: RememberedNetwork?
        do throws(OverlayError) {
            known = try RememberedNetwork(at: RememberedNetwork.path(in: options.stateDirectory))
        } catch { complain(.memory, ["\(error)"]) }
        if let store = known?.store, store != options.store.summary {
            log.notice("what is known from an earlier boot is of another store, \(store)")
            known = nil
        }
        memory = .read(known)
        return known
    }

    /// Notes whether what is kept for the next boot could be written; it is tried again.
    func noteSaved(_ error: OverlayError?) {
        complain(.memory, error.map { ["\($0)"] } ?? [])
        guard error != nil else { return }
        isUnsaved = true
        setTicker()
    }

    /// What should be kept for the next boot, when it has changed.
    ///
    /// Not with each change: in a large cluster it has a megabyte.
    ///
    /// - Parameter isLast: Whether there will be no other opportunity.
    func unsaved(isLast: Bool = false) -> RememberedNetwork? {
        let now = SystemClock.monotonic
        guard isUnsaved, isLast || now >= nextSave, let configuration, let own, let snapshot else { return nil }
        isUnsaved = false
        nextSave = now + 10_000_000_000
        setTicker()
        var remembered = RememberedNetwork(
            store: options.store.summary,
            configuration: configuration,
            own: own,
            validUntil: validUntil,
            peers: snapshot.peers
        )
        if options.store.isKubernetes { remembered.hints = hints }
        return remembered
    }

    /// Has the node woken up when there is something to do.
    func setTicker() {
        let canSave = isUnsaved && configuration != nil && own != nil && snapshot != nil
        let dues = [canSave ? nextSave : nil, departed.nextEnd, nextTelling, memoryEnd]
        ticker.expect(told?.state, due: dues.compactMap(\.self).reduce(progress.due, min))
    }
}
