// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import Logging
internal import Overlay

extension OverlayNode {
    /// What keeps the overlay from being ready, the most important first; empty when nothing does.
    var obstacles: [String] {
        if configuration == nil {
            return [
                "waits for the network's configuration: \(leaseProblem?.description ?? "the store has not answered yet")"
            ]
        }
        if own == nil { return ["waits for a lease: \(waitingForLease)"] }
        if snapshot == nil { return ["waits for the leases of the other nodes"] }
        return dataPlaneProblems
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
    private var storeProblem: String? { complaints[.lease].first ?? complaints[.store].first }

    /// Brings files and systemd up to date with how far the overlay is.
    func tell() {
        defer { setTicker() }
        let obstacles = obstacles
        let isDataPlaneKnown = own != nil && snapshot != nil && configuration != nil
        do throws(OverlayError) {
            // What the store cannot say now does not make packets stop: only what is known of them does.
            if wasReady, !isDataPlaneKnown {
                if let told { try write(told.state, storeProblem ?? told.lastError) }
                return
            }
            let state: StatusFile.State = obstacles.isEmpty ? .ready : wasReady ? .degraded : .starting
            if state == .ready { try publish() }
            announce(try write(state, obstacles.first ?? storeProblem ?? ""))
            complain(.files, [])
        } catch { complain(.files, ["\(error)"]) }
    }

    /// Writes the files again that somebody has deleted; without them no container is attached.
    func restoreFiles() {
        guard let told, !files.areThere(for: told.state) else { return }
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
