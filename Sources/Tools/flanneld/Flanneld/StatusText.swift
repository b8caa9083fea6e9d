// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

/// The daemon's status for a person.
struct StatusText {
    /// The lines, without a line end behind the last.
    let text: String

    /// - Parameter document: What the daemon says of itself.
    init(_ document: JSONNode) {
        var lines: [String] = []
        let state = document.text("state")
        let since = document.text("since")
        lines.append("\(state)\(since.isEmpty ? "" : " since \(since)")")
        lines += document.texts("obstacles").map { "  \($0)" }
        lines.append("")
        let add = { (name: String, value: String) in
            if !value.isEmpty { lines.append(Self.padded(name, 9) + value) }
        }
        if let lease = document["lease"], lease.value != .null {
            let end = lease.text("validUntil")
            add(
                "lease",
                lease.texts("subnets").joined(separator: ", ") + (end.isEmpty ? "" : ", certain until \(end)")
            )
        } else {
            add("lease", "none yet")
        }
        for uplink in document.list("uplink") {
            let published = uplink.text("publicAddress")
            let address = uplink.text("address")
            add(
                "uplink",
                "\(uplink.text("interface")) \(address)\(published == address ? "" : " (others send to \(published))"), MTU \(uplink.number("mtu")): \(uplink.text("reason"))"
            )
        }
        if let network = document["network"], network.value != .null, let backend = network["Backend"] {
            let networks = [network.text("Network"), network.text("IPv6Network")].filter { !$0.isEmpty }
            let vni = backend.text("Type") == "vxlan" ? " (VNI \(backend.number("VNI")))" : ""
            add("network", "\(networks.joined(separator: ", ")), \(backend.text("Type"))\(vni)")
        }
        if let store = document["store"] {
            let read = store.text("lastRead")
            add("store", store.text("location") + (read.isEmpty ? ", not read yet" : ", last changed or read \(read)"))
            lines += store.texts("problems").map { "         \($0)" }
        }
        if let repair = document["lastRepair"], repair.value != .null {
            add("repair", "\(repair.text("at")): \(repair.text("what"))")
        }
        for warning in document.texts("warnings") { add("warning", warning) }
        if let peers = document["peers"] {
            add(
                "peers",
                "\(peers.number("programmed")) of \(peers.number("desired")) programmed"
                    + (peers.number("skipped") > 0 ? ", \(peers.number("skipped")) left out" : "")
            )
            lines += Self.table(peers.list("list"))
        }
        text = lines.joined(separator: "\n")
    }

    private static func table(_ peers: [JSONNode]) -> [String] {
        let rows = peers.map { peer in
            let reason = peer.text("reason")
            return reason.isEmpty
                ? [peer.text("subnet"), "via \(peer.text("gateway"))", peer.text("interface"), peer.text("state")]
                : ["left out: \(reason)"]
        }
        let widths = (0..<3).map { column in
            rows.map { $0.count > 1 ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            guard row.count > 1 else { return "  \(row[0])" }
            return "  "
                + row.enumerated().map { $0.offset < 3 ? padded($0.element, widths[$0.offset] + 2) : $0.element }
                .joined()
        }
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
