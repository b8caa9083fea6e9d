// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
public import IPAddresses
internal import LinuxSystem
public import Netlink

extension RouteSocket {
    /// Whether packets of a family are routed between interfaces (`ip netconf show dev all`).
    ///
    /// The same as `net.ipv4.ip_forward` and `net.ipv6.conf.all.forwarding`. With a thousand network namespaces the kernel
    /// needs 0.7 ms to find a file under /proc/sys/net, for they all share one chain of a hash table; to answer this it does
    /// not look there.
    ///
    /// - Returns: false where the kernel does not know the family.
    public borrowing func isForwarding(_ family: AddressFamily) throws(NetlinkError) -> Bool {
        let request = try NetlinkRequest(
            "ask whether \(family) is forwarded",
            purpose: .query,
            type: RTM_GETNETCONF,
            flags: []
        ) { writer in
            writer.append(header: netconfmsg(ncm_family: family.number))
            writer.put(NETCONFA_IFINDEX, NETCONFA_IFINDEX_ALL)
        }
        var isForwarding = false
        do throws(NetlinkError) {
            try socket.query(request) { (_, payload) throws(NetlinkError) in
                try AttributeReader.forEach(in: payload, after: 4) { (type, value) throws(NetlinkError) in
                    if type == NETCONFA_FORWARDING { isForwarding = try value.integer(Int32.self) != 0 }
                }
            }
        } catch {
            guard [.notSupported, .addressFamilyNotSupported].contains(error.number) else { throw error }
        }
        return isForwarding
    }
}
