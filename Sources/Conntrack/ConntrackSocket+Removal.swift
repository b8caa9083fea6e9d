// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
public import Netlink

extension ConntrackSocket {
    /// Removes a flow: the next packet of its kind is treated as a first one.
    ///
    /// - Returns: Whether it was there; a later flow of the same tuple is another and stays.
    @discardableResult
    public borrowing func remove(_ flow: Flow) throws(NetlinkError) -> Bool { try remove([flow]) == 1 }

    /// Removes flows.
    ///
    /// - Returns: How many were still there.
    /// - Throws: The first refusal, after all have been tried.
    @discardableResult
    public borrowing func remove(_ flows: [Flow]) throws(NetlinkError) -> Int {
        var requests: [NetlinkRequest] = []
        for flow in flows { requests.append(try ConntrackRequest.remove(flow)) }
        let refusals = try socket.perform(requests).compactMap(\.self)
        // Busy are flows that a flow table forwards, to kernels that do not take them back for this.
        let harmless: [ErrorNumber] = [.noSuchFile, .busy]
        if let refusal = refusals.first(where: { !harmless.contains($0.number) }) { throw refusal }
        return flows.count - refusals.count
    }

    /// Removes the flows that a filter wants.
    ///
    /// IPv4 flows of TCP and UDP that lead *to* an address are removed by the kernel itself where it can (Linux 6.11), a
    /// hundred times as fast as by listing them.
    public borrowing func removeFlows(matching filter: FlowFilter) throws(NetlinkError) {
        let count = try flowCount()
        guard count > 0 else { return }
        var rest = filter
        if filter.wantsTargets, try removeInKernel(filter.restricted(to: .v4), among: count) {
            rest = filter.restricted(to: .v6)
        }
        try remove(try flows(matching: rest))
    }

    /// Has the kernel remove what leads from each port to each target.
    ///
    /// - Returns: Whether it did all of it.
    private borrowing func removeInKernel(
        _ filter: FlowFilter,
        among flowCount: Int
    ) throws(NetlinkError) -> Bool {
        // In microseconds, as measured: each request is a walk that skips empty places, a list is one that does not, and
        // then most flows are read, as the ports have little in common.
        let count = filter.targets.count * filter.ports.count
        guard count <= 1 || count * (100 + flowCount / 3) <= 10_000 + 3 * flowCount else { return false }
        var requests: [NetlinkRequest] = []
        for target in filter.targets {
            for port in filter.ports where port.address == nil || port.address?.family == target.family {
                guard let request = try ConntrackRequest.removeAll(through: port, leadingTo: target) else {
                    return false
                }
                requests.append(request)
            }
        }
        for refusal in try socket.perform(requests).compactMap(\.self) {
            guard refusal.number == .invalidArgument || refusal.number == .notSupported else { throw refusal }
            return false
        }
        return true
    }
}
