// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import Logging
internal import Netlink
internal import Overlay
internal import RouteNetlink

extension OverlayNode {
    /// Why the kernel is looked at.
    enum Cause: Sendable {
        /// Something else should be now.
        case plan
        /// The kernel reported a change.
        case change(KernelChange)
        /// Time has passed.
        case check

        /// What may not be as it should.
        var change: KernelChange {
            switch self {
            case .plan: []
            case .change(let change): change
            case .check: .all
            }
        }

        var isPlan: Bool { if case .plan = self { true } else { false } }
        var isCheck: Bool { if case .check = self { true } else { false } }
    }

    /// Takes notice of a change in the kernel.
    ///
    /// - Returns: Whether the other nodes must be told how this one is reached.
    func kernelChanged(_ change: KernelChange) -> Bool {
        let before = uplink.publicAddresses
        if change.contains(.uplink) { lookForUplink() }
        converge(.change(change))
        return isMisaddressed || own == nil && uplink.publicAddresses != before
    }

    /// Whether the other nodes have been told of another address than the one by which this node is reached.
    ///
    /// Whoever looks for the uplink may be the first to see a new one, not only who was told of a change. Where a family
    /// has no address now, what they were told last still counts.
    private var isMisaddressed: Bool {
        guard let own else { return false }
        let told = offered ?? own.attributes.publicAddresses
        let found = uplink.publicAddresses
        return found.families.contains { told[$0] != found[$0] }
    }

    /// Repeats what failed when it is time to, and once a minute looks at everything.
    ///
    /// - Returns: Whether the other nodes must be told how this one is reached.
    func tick() -> Bool {
        restoreFiles()
        if let end = memoryEnd, end <= SystemClock.monotonic {
            memoryEnd = nil
            Memory.giveBack()
        }
        if let end = departed.nextEnd, end <= SystemClock.monotonic { converge(.plan) }
        if plan != nil || configuration != nil, progress.isDue(SystemClock.monotonic) {
            published = nil
            lookForUplink()
            converge(.check)
        }
        return isMisaddressed
    }

    /// Finds out which interface leads to the other nodes.
    func lookForUplink() {
        // Of a network that there is no lease in yet, too: the lease says how this node is reached.
        let families = AddressFamily.allCases.filter {
            configuration?.families[$0] != nil || pending?.families[$0] != nil
        }
        guard !families.isEmpty, let hints else { return }
        let before = uplink
        var selection = options.uplink
        selection.hints = hints
        do throws(NetlinkError) { try uplink.update(selection, families, socket) } catch {
            complain(.uplink, ["\(error)"])
            return
        }
        for family in families {
            guard let choice = uplink.choices[family], choice != before.choices[family] else { continue }
            log.info(
                "reaches other nodes from \(choice.address) on \(choice.name), MTU \(choice.mtu): \(choice.reason)\(choice.publicAddress == choice.address ? "" : "; they send to \(choice.publicAddress)")"
            )
        }
        monitor.noteUplink(isMissing: !uplink.errors.families.isEmpty)
        complain(.uplink, uplink.errors.families.compactMap { uplink.errors[$0]?.description })
    }

    /// How the other nodes reach this one; nil as long as there is no uplink.
    func description() -> NodeDescription? {
        lookForUplink()
        guard let configuration = pending ?? configuration, !uplink.choices.families.isEmpty else { return nil }
        var description = NodeDescription(publicAddresses: uplink.publicAddresses)
        if case .vxlan(let options) = configuration.backend {
            for family in configuration.families.families {
                let name = TunnelDevice.name(vni: options.vni, family)
                if let link = try? socket.link(named: name), link.vxlan?.vni == options.vni {
                    description.deviceMACs[family] = link.mac
                }
            }
        }
        return description
    }

    /// Makes the kernel hold what it should, and tells how far that is.
    func converge(_ cause: Cause) {
        defer { tell() }
        guard let configuration, let own, let snapshot, !uplink.choices.families.isEmpty else { return }
        let began = SystemClock.monotonic
        // Devices that have gone are not ours any more, whoever may make one of the same name.
        let isDated = cause.isCheck && plan?.desired.formerDevices.isEmpty == false
        let isNew = plan == nil || cause.isPlan || isDated || plan?.uplinks != uplink.uplinks
        if isNew { makePlan(own, snapshot.peers, configuration) }
        guard let plan else { return }
        let change = progress.hasRun ? cause.change : .all
        do throws(NetlinkError) {
            if isNew || !change.isDisjoint(with: [.overlay, .uplink]) {
                // The reports of what follows are of what is desired already.
                let devices = progress.report?.devices ?? PerFamily()
                if isNew || !progress.hasRun { monitor.use(EventFilter(desired: plan.desired, devices: devices)) }
                let report = try reconcile(plan.desired, change, isCheck: cause.isCheck)
                if report.devices != devices {
                    monitor.use(EventFilter(desired: plan.desired, devices: report.devices))
                }
                note(report, plan.desired, cause)
            }
            if cause.isPlan || change.contains(.rules) {
                // At the start only: were flannel alive, it would put them back.
                let report = try rules.run(plan.rules, removingLeftovers: !progress.hasRun)
                note(report, isRepair: !cause.isPlan && progress.hasRun)
            }
            progress.noteRun(at: began, until: SystemClock.monotonic)
        } catch {
            reconciler.markDoubtful()
            counters.kernelErrors += 1
            progress.noteFailure("\(error)", at: SystemClock.monotonic)
            complain(.kernel, ["\(error)"])
        }
        counters.noteRun(SystemClock.monotonic - began)
        // What a run needs is several times what is kept, and another run may follow at once. A check that finds nothing needs
        // next to nothing.
        if !cause.isCheck || progress.report?.isUnchanged != true {
            memoryEnd = SystemClock.monotonic + Self.memoryPatience
        }
    }

    private func reconcile(
        _ desired: DesiredState,
        _ change: KernelChange,
        isCheck: Bool
    ) throws(NetlinkError) -> ReconciliationReport {
        if !record.hasAdopted { return try reconciler.run(desired, adopting: true) }
        if isCheck { return try reconciler.check(desired) }
        if !change.isDisjoint(with: [.overlay, .uplink]) { reconciler.markDoubtful() }
        return try reconciler.update(desired)
    }

    private func makePlan(_ own: Lease, _ peers: [Lease], _ configuration: NetworkConfiguration) {
        let peers = departed.update(to: peers, own: own, at: SystemClock.monotonic)
        let desired = DesiredState(
            own: own,
            peers: peers,
            uplinks: uplink.uplinks,
            configuration: configuration,
            formerDevices: record.devices,
            formerNetworks: record.networks,
            dropsUnclaimed: options.dropsUnclaimed
        )
        let names = desired.devices.families.compactMap { desired.devices[$0]?.name }
        let rules = TrafficRules(
            own: own,
            configuration: configuration,
            masquerades: options.masquerades,
            randomizesPorts: options.randomizesPorts,
            grantsForwarding: options.grantsForwarding
        )
        plan = Plan(desired: desired, rules: rules, uplinks: uplink.uplinks)
        // Noted before they are made: what a crash leaves must be known as ours.
        remember(devices: names + record.devices, networks: desired.networks + record.networks)
        complain(.peers, desired.skippedPeers.map(\.description))
    }

    private func remember(devices: [String], networks: [IPPrefix], hasAdopted: Bool = false) {
        var record = record
        record.devices = Set(devices).sorted()
        record.networks = Set(networks).sorted { ($0.address, $0.length) < ($1.address, $1.length) }
        record.hasAdopted = record.hasAdopted || hasAdopted
        guard record != self.record else { return }
        do throws(OverlayError) {
            try record.write(to: NodeRecord.path(in: options.stateDirectory))
            self.record = record
            complain(.record, [])
        } catch { complain(.record, ["\(error)"]) }
    }

    private func note(_ report: ReconciliationReport, _ desired: DesiredState, _ cause: Cause) {
        let isRepair = !cause.isPlan && progress.hasRun
        counters.note(report, isRepair: isRepair)
        if !report.repairs.isEmpty {
            let changes = report.repairs.summary
            log.log(level: isRepair ? .notice : .info, "\(isRepair ? "repaired" : "programmed"): \(changes)")
            if isRepair { progress.lastRepair = (SystemClock.now / 1_000_000_000, changes) }
        }
        complain(.kernel, report.failures.map(\.description) + report.limitations)
        complain(
            .routes,
            report.conflictingRoutes.map {
                "route \($0.summary) is somebody else's where one of ours belongs; remove it"
            }
                + report.foreignRoutes.map { "route \($0.summary) through our device is somebody else's; it stays" }
        )
        progress.report = report
        if report.isComplete {
            // The device and the routes of a family whose uplink is away are there, and not desired now.
            remember(
                devices: desired.devices.families.compactMap { desired.devices[$0]?.name }
                    + record.devices.filter { !desired.formerDevices.contains($0) },
                networks: desired.networks + record.networks.filter { !desired.vacatedNetworks.contains($0) },
                hasAdopted: true
            )
        }
    }

    private func note(_ report: TrafficRuleReport, isRepair: Bool) {
        if report.hasLegacyTables {
            log.notice(
                "there are rules of iptables-legacy, which flanneld leaves alone: if flannel has run here, remove its chains FLANNEL-POSTRTG and FLANNEL-FWD with iptables-legacy"
            )
        }
        counters.note(report, isRepair: isRepair)
        if !report.repairs.isEmpty {
            let changes = report.repairs.summary
            log.log(level: isRepair ? .notice : .info, "\(isRepair ? "repaired" : "set") traffic rules: \(changes)")
            if isRepair { progress.lastRepair = (SystemClock.now / 1_000_000_000, changes) }
        }
        progress.ruleFailures = report.failures.map(\.description)
        complain(.rules, progress.ruleFailures)
    }

    /// Logs complaints that are new, and those that no longer hold.
    func complain(_ topic: Complaints.Topic, _ texts: [String]) {
        let (new, gone) = complaints.replace(topic, texts)
        // A thousand peers of another network are one fault.
        for text in new.prefix(20) { log.warning("\(text)") }
        if new.count > 20 { log.warning("and \(new.count - 20) more of this kind; see flanneld status") }
        for text in gone.prefix(20) { log.info("no longer: \(text)") }
    }
}

extension [Change.Kind: Int] {
    /// The kinds and how often each occurred.
    var summary: String {
        sorted { $0.key.rawValue < $1.key.rawValue }
            .map { "\($0.key.rawValue.replacing("_", with: " ")) (\($0.value))" }.joined(separator: ", ")
    }
}
