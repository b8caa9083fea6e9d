// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
internal import LinuxSystem
public import Netlink

extension ConntrackSocket {
    /// All flows of a family, or of both: `conntrack -L`.
    public borrowing func flows(family: AddressFamily? = nil) throws(NetlinkError) -> [Flow] {
        guard try flowCount() > 0 else { return [] }
        return try dump(try ConntrackRequest.list(family)) { original, _ in
            family == nil || original.source.family == family
        }
    }

    /// The flows that a filter wants.
    ///
    /// The kernel walks its whole table for each dump, which is what costs: all ports of a filter are served by one dump
    /// for each family, and where few flows are tracked by one for both. The kernel preselects what it can.
    public borrowing func flows(matching filter: FlowFilter) throws(NetlinkError) -> [Flow] {
        let families = filter.families
        guard !families.isEmpty else { return [] }
        let count = try flowCount()
        guard count > 0 else { return [] }
        let selections = families.map { (family: $0, selection: KernelSelection(filter, $0)) }
        let selectsNothing = selections.allSatisfy { $0.selection.transport == nil && $0.selection.destination == nil }
        if families.count > 1, selectsNothing || count <= ConntrackSocket.cheaplyReadFlows {
            return try dump(try ConntrackRequest.list(nil), filter.matches)
        }
        var flows: [Flow] = []
        for (family, selection) in selections {
            do throws(NetlinkError) {
                flows += try dump(try ConntrackRequest.list(family, selection), filter.matches)
            } catch {
                // A kernel that does not like the preselection is asked for everything.
                guard error.number == .invalidArgument || error.number == .notSupported else { throw error }
                flows += try dump(try ConntrackRequest.list(family), filter.matches)
            }
        }
        return flows
    }

    private borrowing func dump(
        _ request: NetlinkRequest,
        _ isWanted: (_ original: FlowTuple, _ reply: FlowTuple) -> Bool
    ) throws(NetlinkError) -> [Flow] {
        try socket.dump(request) { (_, payload) throws(NetlinkError) in try Flow(reading: payload, isWanted) }
    }

    /// To read so many flows costs less than to walk the table a second time.
    private static var cheaplyReadFlows: Int { 4096 }
}
