// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import LinuxSystem

/// Links, addresses, routes, the host's ruleset and reservations at one moment, each as a line of text.
///
/// Left out is what comes and goes on its own or belongs to a network rather than to an attachment: link-local and
/// local-table entries, carrier states, counters, locks, allocation cursors and side indexes.
struct Snapshot {
    private let lines: Set<String>

    /// Takes one of the host, both containers and the files below a directory.
    static func take(_ sandbox: Sandbox, files: String) throws(CaseError) -> Snapshot {
        var lines: Set<String> = []
        for place in [Place.host, .container(1), .container(2)] {
            // One question for links and addresses: each witness is a process, and they add up in a slow machine.
            let links = try sandbox.ip("address", in: place)
            for link in links {
                lines.insert("\(place): \(description(ofLink: link))")
                for address in link.value(at: "addr_info")?.array ?? [] where !isAutomatic(address: address) {
                    let prefix = "\(address.text("local"))/\(address.text("prefixlen"))"
                    lines.insert("\(place): address \(prefix) on \(link.text("ifname"))")
                }
            }
            // Where lo is alone there are no routes.
            for family in ["-4", "-6"] where links.count > 1 {
                for route in try sandbox.ip(family, "route", "show", "table", "all", in: place)
                where route.text("table") != "local" && !isAutomatic(route) {
                    lines.insert("\(place): \(description(ofRoute: route))")
                }
            }
        }
        lines.formUnion(descriptions(ofRuleset: try sandbox.ruleset(in: .host)))
        collectFiles(files, into: &lines)
        return Snapshot(lines: lines)
    }

    /// What another, later snapshot has that this one lacks, and the reverse.
    func differences(to later: Snapshot) -> [String] {
        later.lines.subtracting(lines).sorted().map { "left behind: \($0)" }
            + lines.subtracting(later.lines).sorted().map { "gone: \($0)" }
    }

    private static func description(ofLink link: JSONValue) -> String {
        var words = ["link", link.text("ifname")]
        let details = [
            ("kind", "linkinfo.info_kind"), ("master", "master"), ("mtu", "mtu"), ("promiscuity", "promiscuity"),
        ]
        for (word, path) in details where !link.text(path).isEmpty { words += [word, link.text(path)] }
        return words.joined(separator: " ")
    }

    private static func description(ofRoute route: JSONValue) -> String {
        var words = ["route", route.text("dst")]
        for (word, path) in [("via", "gateway"), ("dev", "dev"), ("table", "table"), ("metric", "metric")]
        where !route.text(path).isEmpty { words += [word, route.text(path)] }
        return words.joined(separator: " ")
    }

    /// The kernel gives lo its addresses when it comes up, and leaves 127.0.0.1 when it goes down.
    private static func isAutomatic(address: JSONValue) -> Bool {
        address.text("scope") == "link" || ["127.0.0.1", "::1"].contains(address.text("local"))
    }

    private static func isAutomatic(_ route: JSONValue) -> Bool {
        let destination = route.text("dst")
        return destination.hasPrefix("fe80:") || destination.hasPrefix("ff00:") || route.text("type") == "multicast"
            || route.text("type") == "anycast"
    }

    private static func collectFiles(_ directory: String, into lines: inout Set<String>) {
        guard let names = try? Directory.names(in: directory) else { return }
        for name in names where name != "lock" && name != ".index" && !name.hasPrefix("last_reserved_ip") {
            let path = "\(directory)/\(name)"
            if Directory.exists(path) {
                collectFiles(path, into: &lines)
            } else {
                lines.insert("file \(name)")
            }
        }
    }
}

extension JSONValue {
    /// The text or number at a path, as text; empty when there is none.
    func text(_ path: String) -> String {
        switch value(at: path) {
        case .string(let text): text
        case .integer(let number): "\(number)"
        default: ""
        }
    }
}
