// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
public import IPAddresses
public import Netlink

extension RouteSocket {
    /// Gives an interface an address: `ip address add`.
    ///
    /// - Throws: `EEXIST` when it has the address already; `EACCES` when IPv6 is disabled on the interface.
    public borrowing func addAddress(_ address: LinkAddress, to index: LinkIndex) throws(NetlinkError) {
        try perform(.addAddress(address, to: index))
    }

    /// Takes an address from an interface: `ip address delete`.
    ///
    /// - Throws: `EADDRNOTAVAIL` when it does not have the address.
    public borrowing func removeAddress(_ address: LinkAddress, from index: LinkIndex) throws(NetlinkError) {
        try perform(.removeAddress(address, from: index))
    }

    /// The addresses of an interface, or of all: `ip address show`.
    public borrowing func addresses(
        of index: LinkIndex? = nil,
        family: AddressFamily? = nil
    ) throws(NetlinkError) -> [LinkAddress] {
        let request = try NetlinkRequest("list addresses", purpose: .query, type: RTM_GETADDR, flags: .dump) { writer in
            var header = ifaddrmsg()
            header.ifa_family = family?.number ?? 0
            header.ifa_index = index?.rawValue ?? 0
            writer.append(header: header)
        }
        return try socket.dump(request) { (type, payload) throws(NetlinkError) in
            guard type == RTM_NEWADDR, let address = try LinkAddress(reading: payload),
                family == nil || address.prefix.family == family, index == nil || address.interface == index
            else { return nil }
            return address
        }
    }
}
