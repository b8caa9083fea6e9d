// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import FlannelEnvironment
public import IPAddresses
internal import LinuxSystem

/// `subnet.env`: how the daemon tells the plugins, and itself after a restart, which subnet the node has.
public struct SubnetFile: Hashable, Sendable {
    /// Where everybody expects it.
    public static var defaultPath: String { SubnetVariables.defaultPath }

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
    /// The file's text; a family is written when it has a network and a subnet.
    public var text: String {
        SubnetVariables(
            networks: (networks.v4 ?? []) + (networks.v6 ?? []),
            subnets: (subnets.v4 ?? []) + (subnets.v6 ?? []),
            mtu: mtu,
            masquerades: masquerades
        ).text
    }

    /// Reads the file's text, as ``FlannelEnvironment/SubnetVariables`` does.
    public init(parsing text: some StringProtocol) throws(OverlayError) {
        let variables: SubnetVariables
        do { variables = try SubnetVariables(parsing: text) } catch {
            throw OverlayError(.malformedText, error.fault, advice: "it must be \(error.expected)")
        }
        networks = Self.byFamily(variables.networks)
        subnets = Self.byFamily(variables.subnets)
        mtu = variables.mtu
        masquerades = variables.masquerades ?? false
    }

    private static func byFamily(_ prefixes: [IPPrefix]) -> PerFamily<[IPPrefix]> {
        var lists = PerFamily<[IPPrefix]>()
        for prefix in prefixes { lists[prefix.family] = (lists[prefix.family] ?? []) + [prefix] }
        return lists
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
