// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import Logging
internal import Overlay

extension OverlayNode {
    /// What keeps the node from being ready, the most important first; empty when nothing does.
    var obstacles: [String] { overlayObstacles + complaints[.files] }

    /// What keeps packets from getting everywhere, now or before long.
    private var overlayObstacles: [String] {
        if configuration == nil {
            let reason = complaints[.configuration].first ?? leaseProblem?.description
            return ["waits for the network's configuration: \(reason ?? "the store has not answered yet")"]
        }
        if own == nil { return ["waits for a lease: \(waitingForLease)"] }
        if snapshot == nil { return ["waits for the leases of the other nodes"] }
        return leaseProblems + dataPlaneProblems
    }

    /// Why other nodes do not send here, or soon will not.
    private var leaseProblems: [String] {
        if let pending, let leaseProblem, leaseProblem.code != .storeUnavailable {
            return ["the network is \(pending.summary) now, and this node has no subnet in it: \(leaseProblem)"]
        }
        // While the store cannot be read nobody knows, and packets flow.
        let isGone = snapshot.map { $0.outage == nil && $0.own == nil } ?? false
        guard isGone, let leaseProblem else { return [] }
        return ["the lease is gone, and other nodes let go of this one: \(leaseProblem)"]
    }

    private var waitingForLease: String {
        if let leaseProblem { return leaseProblem.description }
        return complaints[.uplink].first ?? "the store has not answered yet"
    }

    /// What keeps packets from getting everywhere.
    private var dataPlaneProblems: [String] {
        guard let configuration else { return [] }
        let missing = configuration.families.families.compactMap { uplink.errors[$0]?.description }
        if !progress.hasRun {
            return missing + progress.problems + (missing.isEmpty ? ["nothing is programmed yet"] : [])
        }
        return missing + progress.problems
    }

    /// What is wrong with the store or the lease in it; packets flow all the same.
    private var storeProblem: String? {
        complaints[.configuration].first ?? complaints[.lease].first ?? complaints[.store].first
    }

    /// Brings files and systemd up to date with how far the overlay is.
    func tell() {
        defer { setTicker() }
        // What the store cannot say now does not make packets stop: only what is known of them does.
        let isUnknown = wasReady && (own == nil || snapshot == nil || configuration == nil)
        var failures: [String] = []
        let overlay = overlayObstacles
        if !wasReady, !isListWithdrawn { noting(&failures) { () throws(OverlayError) in try withdrawNetworkList() } }
        if overlay.isEmpty, !isUnknown { noting(&failures) { () throws(OverlayError) in try publish() } }
        let problem = (overlay + failures).first
        noting(&failures) { () throws(OverlayError) in
            if isUnknown {
                if let told { try write(told.state, storeProblem ?? told.lastError) }
            } else {
                let state: StatusFile.State = problem == nil ? .ready : wasReady ? .degraded : .starting
                announce(try write(state, problem ?? storeProblem ?? ""))
            }
        }
        complain(.files, failures)
        nextTelling = failures.isEmpty ? nil : SystemClock.monotonic + 2_000_000_000
    }

    private func noting(_ failures: inout [String], _ body: () throws(OverlayError) -> Void) {
        do throws(OverlayError) { try body() } catch { failures.append("\(error)") }
    }

    /// After a boot nothing of the overlay is there but the network list, so it goes until the overlay is back.
    private func withdrawNetworkList() throws(OverlayError) {
        if try files.withdrawNetworkList() {
            log.info("removed \(files.networkList?.path ?? "the network list") until the overlay is ready")
        }
        isListWithdrawn = true
    }

    /// Writes the files again that somebody has deleted, or that could not be written: without them no container is
    /// attached.
    func restoreFiles() {
        let isLate = nextTelling.map { $0 <= SystemClock.monotonic } ?? false
        guard isLate || told.map({ !files.areThere(for: $0.state) }) ?? false else { return }
        tell()
    }

    @discardableResult
    private func write(_ state: StatusFile.State, _ lastError: String) throws(OverlayError) -> StatusFile {
        if let told, told.state == state, told.lastError == lastError, files.hasStatus { return told }
        let now = SystemClock.now / 1_000_000_000
        let since = told?.state == state ? told?.since ?? now : now
        let status = StatusFile(state, lastError: lastError, since: since)
        try files.write(status)
        told = status
        return status
    }

    /// Tells the log and systemd when the state is another one than they know.
    private func announce(_ status: StatusFile) {
        guard status.state != announced else { return }
        announced = status.state
        switch status.state {
        case .ready:
            log.info("ready")
            systemd.ready("ready")
            readiness.ring()
        case .degraded:
            log.error("degraded: \(status.lastError)")
            systemd.status("degraded: \(status.lastError)")
        case .starting:
            log.info("starting: \(status.lastError)")
            systemd.status("starting: \(status.lastError)")
        }
    }

    /// Writes what plugins and runtime go by; the subnet first, so that the first container finds it.
    private func publish() throws(OverlayError) {
        guard let configuration, let own, let plan else { return }
        var networks = PerFamily<IPPrefix>()
        for family in configuration.families.families { networks[family] = configuration.families[family]?.network }
        let file = SubnetFile(
            networks: networks,
            subnets: own.subnets,
            mtu: plan.desired.containerMTU(uplink.uplinks),
            masquerades: options.masquerades
        )
        // What the files say is read again with each full check; in between it is enough that they are there.
        if file == published, files.areThere(for: .ready) { return }
        if try files.publish(file) { log.info("wrote \(files.subnetFile)") }
        switch try files.installNetworkList() {
        case .written: log.info("wrote \(files.networkList?.path ?? "the network list")")
        case .unchanged: break
        case .foreign:
            if !wasReady {
                log.notice(
                    "\(files.networkList?.path ?? "") was not written by flanneld and stays; without it flanneld writes one, and removes it while the overlay is not ready"
                )
            }
        }
        wasReady = true
        published = file
    }
}

extension DesiredState {
    /// The largest packet that a container may send, in bytes: it must fit into the tunnel of each family.
    func containerMTU(_ uplinks: PerFamily<Uplink>) -> Int {
        let tunnels = devices.families.compactMap { devices[$0]?.mtu }
        if let smallest = tunnels.min() { return smallest }
        return uplinks.families.compactMap { uplinks[$0]?.mtu }.min() ?? 1_500
    }
}
