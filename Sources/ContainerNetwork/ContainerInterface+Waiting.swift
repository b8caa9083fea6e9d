// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import IPAddresses
internal import LinuxSystem
internal import Netlink
public import RouteNetlink

extension ContainerInterface {
    /// How long duplicate address detection may take: two probes a second apart, and some patience.
    private static let duplicateDetectionLimit: Duration = .seconds(5)

    /// Waits until no address of the interface is tentative any more (`IFA_F_TENTATIVE`).
    ///
    /// - Throws: ``CNIError`` with code 105 when another host owns one of them (`IFA_F_DADFAILED`).
    func waitForDuplicateDetection() throws(CNIError) {
        let deadline = Deadline.after(Self.duplicateDetectionLimit)
        let monitor = try kernel { () throws(NetlinkError) in
            try RouteMonitor.open([.addresses], in: sockets.namespace)
        }
        while true {
            let addresses = try kernel { () throws(NetlinkError) in
                try sockets.container.addresses(of: index, family: .v6)
            }
            if let duplicate = addresses.first(where: { $0.flags.contains(.dadFailed) }) {
                throw CNIError(
                    .conflict,
                    "address \(duplicate.prefix) of \(name) is in use by another host on this network",
                    details: "duplicate address detection failed; release the address there or exclude it here"
                )
            }
            if !addresses.contains(where: { $0.flags.contains(.tentative) }) { return }
            let events = try kernel { () throws(NetlinkError) in try monitor.next(until: deadline) }
            if events.isEmpty {
                throw CNIError(
                    .tryAgainLater,
                    "duplicate address detection on \(name) did not end within 5 s",
                    details: "is the link up? enabledad: false skips it"
                )
            }
        }
    }
}

extension AttachmentSockets {
    /// Waits until a link on the host is operational: a bridge forwards nothing to a port before.
    ///
    /// - Throws: ``CNIError`` with code 100 when it is not up by the deadline.
    public func waitUntilOperational(_ index: LinkIndex, named name: String) throws(CNIError) {
        if try isOperational(index) { return }
        let deadline = Deadline.after(.seconds(5))
        let monitor = try kernel { () throws(NetlinkError) in try RouteMonitor.open([.links]) }
        while try !isOperational(index) {
            let events = try kernel { () throws(NetlinkError) in try monitor.next(until: deadline) }
            if events.isEmpty {
                throw CNIError(
                    .kernel,
                    "port \(name) did not come up within 5 s: bridge port in error state",
                    details: "its operational state must become up once the container's end is up"
                )
            }
        }
    }

    private func isOperational(_ index: LinkIndex) throws(CNIError) -> Bool {
        try kernel { () throws(NetlinkError) in try host.link(index)?.operationalState == .up }
    }
}
