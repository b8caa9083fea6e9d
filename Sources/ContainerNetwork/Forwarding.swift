// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import IPAddresses
internal import LinuxSystem

/// Routing between the host's interfaces, which gateways need.
public enum Forwarding {
    /// Switches forwarding on for a family, in the calling thread's namespace.
    ///
    /// An IPv6 host that starts to forward stops listening to router advertisements, and loses its default route when
    /// the last one expires, unless `accept_ra` is 2: interfaces that listen now go on listening.
    public static func enable(_ family: AddressFamily) throws(CNIError) {
        let sysctl: Sysctl = family == .v4 ? .ipv4Forwarding : .ipv6Forwarding
        do {
            if try sysctl.read() == "1" { return }
            if family == .v6 { try keepListeningToRouters() }
            try sysctl.write("1")
        } catch {
            throw CNIError(
                error,
                "failed to enable \(family) forwarding: set \(sysctl) to 1 on this host, or isGateway to false"
            )
        }
    }

    /// Whether forwarding is on.
    public static func isEnabled(_ family: AddressFamily) -> Bool {
        let sysctl: Sysctl = family == .v4 ? .ipv4Forwarding : .ipv6Forwarding
        return (try? sysctl.read()) == "1"
    }

    private static func keepListeningToRouters() throws(SystemCallError) {
        for interface in try Directory.names(in: "/proc/sys/net/ipv6/conf")
        where interface != "all" && interface != "default" && interface != "lo" {
            let setting = Sysctl.ipv6(interface, "accept_ra")
            // Interfaces come and go while we look.
            guard (try? setting.read()) == "1" else { continue }
            do { try setting.write("2") } catch {
                if error.number != .noSuchFile { throw error }
            }
        }
    }
}
