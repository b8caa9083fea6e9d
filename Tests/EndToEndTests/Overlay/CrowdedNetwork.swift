// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Overlay
import RouteNetlink
import Testing

/// One machine with a real flanneld, in a network of thousands of nodes of which only the leases exist.
final class CrowdedNetwork {
    /// Where the leases are.
    enum Store: Sendable {
        case directory
        case etcd
    }

    /// How many of each kind of entry there are in the kernel.
    struct Counts: Hashable {
        var routes = 0, neighbors = 0, forwardingEntries = 0
    }

    let node: OverlayNode
    private let host: IsolatedHost
    private let families: [AddressFamily]
    private let etcd: GatewayClient?
    private let directory: TemporaryDirectory
    private let socket: RouteSocket
    private let uplink: LinkIndex

    init(_ store: Store, _ families: [AddressFamily]) throws {
        let host = try IsolatedHost()
        let directory = try TemporaryDirectory()
        try host.shell(
            """
            ip link add eth0 type veth peer name far
            ip link set far up
            mkdir -p /run/store/subnets
            """
        )
        try OverlayCluster.bringUplinkUp(host, 1)
        var etcd: GatewayClient?
        if store == .etcd {
            try host.shell("etcd --data-dir /run/etcd --max-txn-ops 1000 >/run/etcd.log 2>&1 </dev/null &")
            etcd = try GatewayClient(host)
        }
        let location =
            store == .etcd ? ["--etcd-endpoints", "http://127.0.0.1:2379"] : ["--store", "file:///run/store"]
        let namespace = try NetworkNamespace.open("/proc/\(host.process)/ns/net")
        socket = try RouteSocket.open(in: namespace)
        uplink = try #require(try socket.link(named: "eth0")?.index)
        node = OverlayNode(1, host, log: directory.appending("log"), flags: ["--ip-masq"] + location)
        self.host = host
        self.families = families
        self.etcd = etcd
        self.directory = directory
        let network =
            #"{"Network":"10.0.0.0/8","SubnetMin":"10.200.0.0","EnableIPv6":\#(families.count > 1),"#
            + #""IPv6Network":"fd00::/16","Backend":{"Type":"vxlan"}}"#
        if let etcd {
            try etcd.put("/coreos.com/network/config", Array(network.utf8))
        } else {
            try File.replace(host.path("/run/store/config.json"), with: Array(network.utf8), mode: 0o644)
        }
    }

    // MARK: Leases

    private func subnet(_ number: Int, _ family: AddressFamily) throws -> IPPrefix {
        let text =
            family == .v4
            ? "10.\(number >> 8).\(number & 255).0/24" : "fd00:10:\(String(number, radix: 16))::/64"
        return try #require(IPPrefix(text))
    }

    private func publicAddress(_ number: Int, _ family: AddressFamily) throws -> IPAddress {
        let text =
            family == .v4
            ? "172.16.\(number >> 8).\(number & 255)" : "2001:db8:2::\(String(number, radix: 16))"
        return try #require(IPAddress(text))
    }

    private func mac(_ number: Int, _ family: AddressFamily) throws -> MACAddress {
        let octets: [UInt8] = [2, family == .v4 ? 4 : 6, 0, 0, UInt8(number >> 8), UInt8(number & 255)]
        return try #require(MACAddress(octets: octets))
    }

    private func lease(_ number: Int) throws -> Lease {
        var subnets = PerFamily<IPPrefix>()
        var attributes = LeaseAttributes(publicAddresses: PerFamily(), backendType: .vxlan)
        for family in families {
            subnets[family] = try subnet(number, family)
            attributes.publicAddresses[family] = try publicAddress(number, family)
            attributes.backendData[family] = VXLANEndpoint(vni: 1, mac: try mac(number, family)).json
        }
        return Lease(subnets: subnets, attributes: attributes)
    }

    /// What is stored for a node, and under what name.
    private func stored(_ number: Int) throws -> (key: String, value: [UInt8]) {
        let lease = try lease(number)
        if etcd != nil {
            return ("/coreos.com/network/subnets/\(lease.subnets.leaseKey)", lease.attributes.json.text())
        }
        var members = try #require(lease.attributes.json.object)
        // As long as those that nodes make for themselves.
        members["Node"] = .string("0123456789abcdef0123456789a\(10_000 + number)")
        members["Heartbeat"] = .integer(7)
        members["TTL"] = .integer(86_400)
        return (host.path("/run/store/subnets/\(lease.subnets.leaseKey).json"), JSONValue.object(members).text())
    }

    /// Stores the leases of all nodes with the numbers of a range.
    func fill(_ numbers: ClosedRange<Int>) throws {
        let all = try numbers.map(stored)
        for (key, value) in all {
            if let etcd { try etcd.put(key, value) } else { try File.replace(key, with: value, mode: 0o644) }
        }
    }

    /// Stores the lease of another node, and returns how many milliseconds later it is reached.
    func latency(ofAdding number: Int) throws -> Double {
        let (key, value) = try stored(number)
        let prepared = "\(host.path("/run/store/prepared"))"
        if etcd == nil { try File.replace(prepared, with: value, mode: 0o644) }
        if let etcd { try etcd.put(key, value) } else { try File.rename(prepared, to: key) }
        return try Timing.milliseconds { try wait(for: number, every: 200) }
    }

    // MARK: The kernel

    /// Waits until packets to a node go into the tunnel; the route is the last of its entries.
    func wait(for number: Int, every microseconds: UInt32 = 1_000) throws {
        let deadline = Deadline.after(.seconds(30))
        for family in families {
            let address = try subnet(number, family).first
            while try socket.route(to: address).map({ $0.interface == uplink }) ?? true {
                guard deadline.remainingNanoseconds > 0 else { throw TestFailure("no route: \(node.logged)") }
                usleep(microseconds)
            }
        }
    }

    /// What the tunnel devices hold.
    func counts() throws -> Counts {
        let text = try host.shell(
            """
            { ip -4 route show proto 70; ip -6 route show proto 70; } | wc -l
            ip neighbour show nud permanent | grep -c flannel
            bridge fdb show | grep -c 'flannel.* dst '
            """
        )
        let numbers = text.split(separator: "\n").compactMap { Int($0) }
        guard numbers.count == 3 else { throw TestFailure("counts: \(text)") }
        return Counts(routes: numbers[0], neighbors: numbers[1], forwardingEntries: numbers[2])
    }

    /// How many milliseconds `ip` and `bridge` need for the entries of nodes with the numbers of a range.
    func floor(_ numbers: ClosedRange<Int>) throws -> Double {
        var entries = ""
        var batches: [AddressFamily: String] = [:]
        for family in families {
            let device = "floor\(family == .v4 ? 4 : 6)"
            for number in numbers {
                let (subnet, mac) = (try subnet(number, family), try mac(number, family))
                entries += "fdb replace \(mac) dev \(device) dst \(try publicAddress(number, family)) self permanent\n"
                batches[family, default: ""] +=
                    "neigh replace \(subnet.first) lladdr \(mac) dev \(device) nud permanent\n"
                    + "route replace \(subnet) via \(subnet.first) dev \(device) onlink proto 71\n"
            }
        }
        try File.replace(host.path("/run/entries"), with: Array(entries.utf8))
        for (family, batch) in batches { try File.replace(host.path("/run/batch.\(family)"), with: Array(batch.utf8)) }
        let text = try host.shell(
            """
            ip link add floor4 type vxlan id 9 dstport 4789 nolearning dev eth0 local 192.0.1.1
            ip address add 10.255.0.0/32 dev floor4
            ip link add floor6 type vxlan id 9 dstport 4789 nolearning dev eth0 local 2001:db8:1::1
            ip address add fd00::1/128 dev floor6 nodad
            ip link set floor4 up; ip link set floor6 up
            begun=$(date +%s%N)
            bridge -batch /run/entries
            ip -4 -batch /run/batch.IPv4
            [ ! -e /run/batch.IPv6 ] || ip -6 -batch /run/batch.IPv6
            echo $(( $(date +%s%N) - begun ))
            ip link del floor4; ip link del floor6
            """
        )
        guard let nanoseconds = Double(text.split(separator: "\n").joined()) else { throw TestFailure(text) }
        return nanoseconds / 1e6
    }

    /// Takes away what a reboot takes away.
    func reboot() throws {
        try host.shell(
            """
            for device in flannel.1 flannel-v6.1; do ip link del $device 2>/dev/null || true; done
            nft delete table inet flannel
            rm -rf /run/flannel /run/cni
            """
        )
    }
}

/// Writes keys into the etcd of a machine, over one connection.
final class GatewayClient {
    private let descriptor: OwnedFileDescriptor

    /// Connects as soon as etcd answers.
    init(_ host: IsolatedHost) throws {
        let namespace = try NetworkNamespace.open("/proc/\(host.process)/ns/net")
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(2379).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        for _ in 0..<1_000 {
            let rawValue = try namespace.run { socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
            let candidate = OwnedFileDescriptor(adopting: rawValue)
            let status = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(rawValue, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            if status == 0 {
                descriptor = candidate
                return
            }
            usleep(10_000)
        }
        throw TestFailure("etcd does not start")
    }

    /// Writes a key; done when etcd says so.
    func put(_ key: String, _ value: [UInt8]) throws {
        let body = #"{"key":"\#(Self.base64(Array(key.utf8)))","value":"\#(Self.base64(value))"}"#
        let request = "POST /v3/kv/put HTTP/1.1\r\nHost: etcd\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        var bytes = Array(request.utf8)
        guard send(descriptor.rawValue, &bytes, bytes.count, 0) == bytes.count else { throw TestFailure("etcd: send") }
        var answer = [UInt8](repeating: 0, count: 4_096)
        let count = recv(descriptor.rawValue, &answer, answer.count, 0)
        let text = String(decoding: answer.prefix(max(0, count)), as: UTF8.self)
        guard text.hasPrefix("HTTP/1.1 200") else { throw TestFailure("etcd: \(text)") }
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for digit in 0..<4 { text.append(digit <= group.count ? alphabet[bits >> (18 - 6 * digit) & 63] : "=") }
        }
        return text
    }
}
