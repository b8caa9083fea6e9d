// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
internal import LinuxSystem

/// `subnet.env`: how the daemon tells the plugins, and itself after a restart, which subnet the node has.
public struct SubnetFile: Hashable, Sendable {
    /// Where everybody expects it.
    public static let defaultPath = "/run/flannel/subnet.env"

    /// `FLANNEL_NETWORK`, `FLANNEL_IPV6_NETWORK`: the networks; one of each family, except where another program wrote
    /// a list.
    public var networks: PerFamily<[IPPrefix]>
    /// `FLANNEL_SUBNET`, `FLANNEL_IPV6_SUBNET`: the node's subnets, without host bits.
    public var subnets: PerFamily<[IPPrefix]>
    /// `FLANNEL_MTU`: the largest packet of a container in bytes; nil when the file does not say.
    public var mtu: Int?
    /// `FLANNEL_IPMASQ`: whether the daemon masquerades.
    public var masquerades: Bool

    /// Describes what a node with a lease writes; a family is written when it has a network and a subnet.
    public init(networks: PerFamily<IPPrefix>, subnets: PerFamily<IPPrefix>, mtu: Int, masquerades: Bool) {
        self.networks = PerFamily(v4: networks.v4.map { [$0] }, v6: networks.v6.map { [$0] })
        self.subnets = PerFamily(v4: subnets.v4.map { [$0] }, v6: subnets.v6.map { [$0] })
        self.mtu = mtu
        self.masquerades = masquerades
    }

    /// The network of each family that has exactly one: flannel takes a longer list for none.
    public var network: PerFamily<IPPrefix> { Self.only(networks) }
    /// The subnet of each family that has exactly one.
    public var subnet: PerFamily<IPPrefix> { Self.only(subnets) }

    private static func only(_ lists: PerFamily<[IPPrefix]>) -> PerFamily<IPPrefix> {
        var result = PerFamily<IPPrefix>()
        for family in lists.families {
            if let list = lists[family], list.count == 1 { result[family] = list[0] }
        }
        return result
    }
}

extension SubnetFile {
    /// The file's text: the keys in flannel's order, and the first address of a subnet behind its own.
    public var text: String {
        var lines: [String] = []
        for (family, infix) in [(AddressFamily.v4, ""), (.v6, "IPV6_")] {
            guard let networks = networks[family], let subnets = subnets[family] else { continue }
            let gateways = subnets.map { IPPrefix($0.first.next ?? $0.first, length: $0.length) ?? $0 }
            lines.append("FLANNEL_\(infix)NETWORK=\(Self.list(networks))")
            lines.append("FLANNEL_\(infix)SUBNET=\(Self.list(gateways))")
        }
        if let mtu { lines.append("FLANNEL_MTU=\(mtu)") }
        lines.append("FLANNEL_IPMASQ=\(masquerades)")
        return lines.map { "\($0)\n" }.joined()
    }

    private static func list(_ prefixes: [IPPrefix]) -> String {
        prefixes.map(\.description).joined(separator: ",")
    }

    /// Reads the file's text: lines of `KEY=value`, in any order, with what a shell would take besides (comments,
    /// `export`, quotes); unknown keys are ignored.
    public init(parsing text: some StringProtocol) throws(OverlayError) {
        var values: [String: Substring] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            var assignment = Substring(line).trimmed
            if assignment.hasPrefix("export ") { assignment = assignment.dropFirst(7).trimmed }
            guard assignment.first != "#", let sign = assignment.firstIndex(of: "=") else { continue }
            let value = assignment[assignment.index(after: sign)...].trimmed.unquoted
            values[String(assignment[..<sign].trimmed)] = value
        }
        let prefixes = { (key: String, family: AddressFamily) throws(OverlayError) -> [IPPrefix]? in
            guard let list = values[key], !list.isEmpty else { return nil }
            var prefixes: [IPPrefix] = []
            for item in list.split(separator: ",", omittingEmptySubsequences: false) {
                guard let prefix = IPPrefix(item.trimmed)?.network, prefix.family == family else {
                    throw OverlayError(
                        .malformedText,
                        "\(key) is \"\(list)\"",
                        advice: "it must hold \(family) subnets"
                    )
                }
                if !prefixes.contains(prefix) { prefixes.append(prefix) }
            }
            return prefixes
        }
        networks = PerFamily(
            v4: try prefixes("FLANNEL_NETWORK", .v4),
            v6: try prefixes("FLANNEL_IPV6_NETWORK", .v6)
        )
        subnets = PerFamily(v4: try prefixes("FLANNEL_SUBNET", .v4), v6: try prefixes("FLANNEL_IPV6_SUBNET", .v6))
        // The plugin takes only this spelling for yes.
        masquerades = values["FLANNEL_IPMASQ"] == "true"
        if let text = values["FLANNEL_MTU"], !text.isEmpty {
            guard let number = Int(text), (1...Int(Int32.max)).contains(number) else {
                throw OverlayError(.malformedText, "FLANNEL_MTU is \"\(text)\"", advice: "it must be a number of bytes")
            }
            mtu = number
        }
    }

    /// Reads a file; nil when there is none.
    public init?(at path: String) throws(OverlayError) {
        let contents: [UInt8]?
        do throws(SystemCallError) { contents = try File.contentsIfPresent(of: path, limit: 64 << 10) } catch {
            throw OverlayError(.localFile, error)
        }
        guard let contents else { return nil }
        do throws(OverlayError) { try self.init(parsing: String(decoding: contents, as: UTF8.self)) } catch {
            throw OverlayError(error.code, "\(path): \(error.message)", advice: error.advice)
        }
    }

    /// Writes the file, complete at every moment, and the directory it is in.
    public func write(to path: String) throws(OverlayError) {
        do throws(SystemCallError) {
            try Directory.create(Path.parent(of: path), mode: 0o755)
            try File.replace(path, with: Array(text.utf8), mode: 0o644)
        } catch { throw OverlayError(.localFile, error, advice: "flanneld needs to write it") }
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = self
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }

    fileprivate var unquoted: Substring {
        guard count >= 2, let first, first == last, first == "\"" || first == "'" else { return self }
        return dropFirst().dropLast()
    }
}
