// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
public import LinuxSystem
public import Netlink

/// A socket to the settings of network devices in one network namespace (ethtool over generic netlink; `ethtool`).
///
/// It stays in the namespace in which it was opened and is used from anywhere.
public struct EthtoolSocket: ~Copyable {
    let socket: NetlinkSocket
    /// The message type that the kernel gave to ethtool when it started.
    let family: UInt16

    private init(_ socket: consuming NetlinkSocket, family: UInt16) {
        self.socket = socket
        self.family = family
    }

    /// Opens a socket in the calling thread's namespace.
    ///
    /// - Throws: ``Netlink/NetlinkError/Code/unavailable`` where the kernel does not offer ethtool over netlink: it is
    ///   older than Linux 5.6 or built without it.
    public static func open() throws(NetlinkError) -> EthtoolSocket { try resolve(.open(.generic)) }

    /// Opens a socket in another namespace.
    public static func open(in namespace: borrowing NetworkNamespace) throws(NetlinkError) -> EthtoolSocket {
        try resolve(.open(.generic, in: namespace))
    }

    private static func resolve(_ socket: consuming NetlinkSocket) throws(NetlinkError) -> EthtoolSocket {
        let family: UInt16
        do throws(NetlinkError) { family = try number(of: ETHTOOL_GENL_NAME, socket) } catch {
            guard error.number == .noSuchFile else { throw error }
            throw NetlinkError(
                .unavailable,
                operation: error.operation,
                number: error.number,
                detail: "this kernel has no ethtool over netlink (Linux 5.6, CONFIG_ETHTOOL_NETLINK)"
            )
        }
        return EthtoolSocket(socket, family: family)
    }

    /// Asks the controller for the number of a family of messages: `genl ctrl get name …`.
    private static func number(of family: String, _ socket: borrowing NetlinkSocket) throws(NetlinkError) -> UInt16 {
        let request = try NetlinkRequest(
            "look up generic netlink family \(family)",
            purpose: .query,
            // GENL_ID_CTRL: the controller alone has a number of its own.
            type: 16,
            flags: []
        ) { writer in
            writer.append(header: genlmsghdr(cmd: UInt8(CTRL_CMD_GETFAMILY), version: 2, reserved: 0))
            writer.put(CTRL_ATTR_FAMILY_NAME, string: family)
        }
        var found: UInt16?
        try socket.query(request) { (_, payload) throws(NetlinkError) in
            try AttributeReader.forEach(in: payload, after: 4) { (type, value) throws(NetlinkError) in
                if type == CTRL_ATTR_FAMILY_ID { found = try value.integer() }
            }
        }
        guard let found else { throw .malformed("a generic netlink family without its number") }
        return found
    }
}
