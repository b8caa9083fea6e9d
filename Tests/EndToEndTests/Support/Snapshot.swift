// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import LinuxSystem
import LinuxTesting

/// Everything an attachment can leave behind on a host, one line a thing, as `ip`, `nft` and the file system show it.
struct Snapshot: Equatable {
    /// The things, sorted.
    let lines: Set<String>

    /// Looks at a host and the reservations on it.
    init(of host: TestHost, files: [String] = []) throws {
        try self.init(of: host.namespace, files: [host.dataDirectory] + files)
    }

    /// Looks at a network: links, addresses, routes, permanent neighbours, nf_tables; and at directories.
    init(of network: borrowing NetworkNamespace, files: [String]) throws {
        var lines = try Self.linksAndAddresses(in: network)
        lines += try Self.routes(in: network, family: "-4") + Self.routes(in: network, family: "-6")
        for neighbour in try Command.json("ip", "-j", "neigh", "show", "nud", "permanent", in: network).elements() {
            lines.append("neighbour \(neighbour["dst"]?.value.string ?? "") \(neighbour["dev"]?.value.string ?? "")")
        }
        lines += try RulesetListing(of: network).lines
        for directory in files { lines += Self.files(below: directory) }
        self.lines = Set(lines)
    }

    /// What is here and not there, "+", and there and not here, "-"; empty when both are the same.
    func difference(from other: Snapshot) -> [String] {
        lines.subtracting(other.lines).sorted().map { "+ \($0)" }
            + other.lines.subtracting(lines).sorted().map { "- \($0)" }
    }

    /// Reservations on a host: files of host-local that stand for an address.
    static func reservations(on host: TestHost) -> [String] {
        files(below: host.dataDirectory).filter { !$0.contains("/.index") }
    }

    private static func linksAndAddresses(in network: borrowing NetworkNamespace) throws -> [String] {
        var lines: [String] = []
        for link in try Command.json("ip", "-j", "-d", "addr", in: network).elements() {
            let name = link["ifname"]?.value.string ?? ""
            let kind = link["linkinfo"]?["info_kind"]?.value.string ?? ""
            lines.append("link \(name) \(kind) \(link["address"]?.value.string ?? "")")
            for address in try link["addr_info"]?.elements() ?? [] {
                let local = address["local"]?.value.string ?? ""
                // The kernel gives and takes link-local addresses by itself, with the carrier.
                if local.hasPrefix("fe80:") { continue }
                lines.append("address \(local)/\(try address["prefixlen"]?.integer() ?? -1) on \(name)")
            }
        }
        return lines
    }

    private static func routes(in network: borrowing NetworkNamespace, family: String) throws -> [String] {
        let routes = try Command.json("ip", "-j", "-N", family, "route", "show", "table", "all", in: network)
        return try routes.elements().compactMap { route in
            let destination = route["dst"]?.value.string ?? ""
            // These, too, come and go with the carrier and with duplicate address detection.
            if destination.hasPrefix("fe80:") || destination.hasPrefix("ff00:") { return nil }
            // RTN_LOCAL, RTN_BROADCAST, RTN_ANYCAST and RTN_MULTICAST follow from an address, which has its own line.
            if let type = route["type"]?.value.string, ["2", "3", "4", "5"].contains(type) { return nil }
            let keys = ["type", "gateway", "dev", "table", "protocol", "metric", "scope"]
            let rest = keys.compactMap { key in
                route[key].map { "\(key) \(String(decoding: $0.value.text(), as: UTF8.self))" }
            }
            return "route \(destination) \(rest.joined(separator: " "))"
        }
    }

    /// Paths of files below a directory.
    ///
    /// What belongs to a network and not to one of its attachments is left out: the lock, the cursors.
    static func files(below directory: String) -> [String] {
        guard let names = try? Directory.namesIfPresent(in: directory) else { return [] }
        return names.sorted().flatMap { name -> [String] in
            let path = "\(directory)/\(name)"
            if Directory.exists(path) { return files(below: path) }
            if name == "lock" || name.hasPrefix("last_reserved_ip.") { return [] }
            // Of host-local's index, the occupancy blocks and the stamp.
            if path.contains("/.index/") && !path.contains("/attachments/") { return [] }
            return ["file \(path)"]
        }
    }
}
