// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import Overlay

extension OverlayNode {
    /// Takes over which addresses the store would have this node use.
    func use(_ hints: AddressHints) {
        guard hints != self.hints else { return }
        self.hints = hints
        isUnsaved = true
        lookForUplink()
        converge(.plan)
    }

    /// Whether subnets can be this node's in a network: those that Kubernetes gives need not be of the network's length.
    func admits(_ subnets: PerFamily<IPPrefix>, _ configuration: NetworkConfiguration) -> Bool {
        options.store.isKubernetes ? configuration.encloses(subnets) : configuration.admits(subnets)
    }

    /// Notes what the store does not let this node do.
    func noteLimitations(_ texts: [String]) { complain(.limitations, texts) }

    /// Notes whether the store could be told that the node is ready.
    func noteAnnouncement(_ error: OverlayError?) { complain(.announcement, error.map { ["\($0)"] } ?? []) }

    /// Whether plugins and runtime have been told that the node is ready.
    var isReady: Bool { announced == .ready }

    /// The subnets to prefer where there is no lease.
    func previousSubnets() -> PerFamily<IPPrefix> {
        if let own { return own.subnets }
        if let file = try? SubnetFile(at: files.subnetFile) { return file.subnet }
        return remembered()?.own.subnets ?? PerFamily()
    }
}
