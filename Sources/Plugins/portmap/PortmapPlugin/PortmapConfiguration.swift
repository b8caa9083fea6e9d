// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses
internal import JSON

/// The keys of a port map's configuration, validated.
struct PortmapConfiguration {
    /// `snat`: clients that could not be answered otherwise are given the host's address.
    let masqueradesSources: Bool
    /// `masqAll`: all clients are.
    let masqueradesAll: Bool
    /// `markMasqBit` as a bit: what says in a packet's mark that its source is to be translated.
    let markBit: UInt32
    /// `conditionsV4`, `conditionsV6`: what packets must be like besides.
    let conditions: [AddressFamily: [Condition]]
    /// `backend` asks for iptables.
    let prefersIptables: Bool

    /// - Throws: ``CNIError`` with code 7 for what can never work, 2 for what only iptables can do.
    init(_ configuration: NetworkConfiguration) throws(CNIError) {
        let root = configuration.root
        do throws(JSONError) {
            masqueradesSources = try root["snat"]?.boolean() ?? true
            masqueradesAll = try root["masqAll"]?.boolean() ?? false
            markBit = 1 << UInt32(try root["markMasqBit"]?.integer(in: 0...31) ?? 13)
            prefersIptables = try RulesetBackend(root["backend"]) == .iptables
        } catch { throw CNIError(error) }
        conditions = [
            .v4: try Condition.list(root, key: "conditionsV4", .v4),
            .v6: try Condition.list(root, key: "conditionsV6", .v6),
        ]
        if let chain = root["externalSetMarkChain"]?.value.string, !chain.isEmpty {
            throw CNIError(
                .unsupportedField,
                "network configuration: externalSetMarkChain: \"\(chain)\" is a chain of iptables, which is not used",
                details: "write markMasqBit with the bit that the chain sets, 14 for KUBE-MARK-MASQ, instead"
            )
        }
    }

    /// Whether a family's packets may need another source, and with it the loopback addresses a way to containers.
    var servesLocalhost: Bool { masqueradesSources || masqueradesAll }
}
