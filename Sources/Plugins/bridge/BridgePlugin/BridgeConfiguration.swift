// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import ContainerNetwork
internal import IPAddresses
internal import JSON

/// The keys of a bridge network's configuration, validated.
struct BridgeConfiguration {
    /// `bridge`: the bridge's name on the host.
    let bridge: String
    /// `isGateway`, or implied by `isDefaultGateway`: the bridge gets the gateways' addresses.
    let isGateway: Bool
    /// `isDefaultGateway`: containers get default routes through them.
    let isDefaultGateway: Bool
    /// `forceAddress`: a conflicting address of the bridge is removed.
    let forceAddress: Bool
    /// `mtu` of both ends of the pair, and of the bridge when it is made; nil leaves the kernel's default.
    let mtu: Int?
    /// `hairpinMode`: the port may send a frame back where it came from.
    let hairpinMode: Bool
    /// `promiscMode` of the bridge.
    let promiscuousMode: Bool
    /// `portIsolation`: the port reaches only ports that are not isolated.
    let portIsolation: Bool
    /// `vlan`: the port's access VLAN; nil for none.
    let vlan: UInt16?
    /// `vlanTrunk`: VLANs the port carries tagged, sorted, each once.
    let vlanTrunk: [UInt16]
    /// Whether `vlanTrunk` was given, even as an empty list.
    let isTrunk: Bool
    /// `preserveDefaultVlan`: the port stays in the bridge's default VLAN as well.
    let preservesDefaultVLAN: Bool
    /// `enabledad`: duplicate address detection inside the container.
    let detectsDuplicates: Bool
    /// `disableContainerInterface`: the container's end stays down.
    let disablesContainerInterface: Bool
    /// `ipMasq` and `ipMasqBackend`.
    let masquerade: Masquerade.Settings
    /// `macspoofchk`: frames with a foreign source address are dropped.
    let checksMACSpoofing: Bool
    /// The container interface's hardware address, from the source of highest rank.
    let mac: MACAddress?

    /// Whether ports are told apart by VLAN.
    var needsVLANFiltering: Bool { vlan != nil || isTrunk }

    /// The interface that owns the gateway's addresses: the bridge, or an access port of the VLAN beside it.
    var gatewayInterface: String { vlan.map { "\(bridge).\($0)" } ?? bridge }

    /// ``gatewayInterface`` for a DEL, which a configuration that is not valid any more does not stop.
    static func gatewayInterface(_ root: JSONNode) -> String {
        let bridge = (try? root["bridge"]?.string()) ?? defaultBridge
        guard let vlan = try? root["vlan"]?.integer(in: 1...4094) else { return bridge }
        return "\(bridge).\(vlan)"
    }

    private static let defaultBridge = "cni0"

    /// Whether the packet filter has something to do.
    var needsPacketRules: Bool { masquerade.isEnabled || checksMACSpoofing }

    /// - Throws: ``CNIError`` with code 7 for what can never work.
    init(_ configuration: NetworkConfiguration, arguments: CNIArguments) throws(CNIError) {
        let root = configuration.root
        do throws(JSONError) {
            bridge = try root["bridge"]?.string() ?? Self.defaultBridge
            isDefaultGateway = try root["isDefaultGateway"]?.boolean() ?? false
            isGateway = try root["isGateway"]?.boolean() ?? false || isDefaultGateway
            forceAddress = try root["forceAddress"]?.boolean() ?? false
            // 68 is what every IPv4 link must carry (RFC 791), 65535 a veth's limit; 0 says "default".
            let size = try root["mtu"]?.integer(in: 0...65_535) ?? 0
            mtu = size == 0 ? nil : Int(size)
            hairpinMode = try root["hairpinMode"]?.boolean() ?? false
            promiscuousMode = try root["promiscMode"]?.boolean() ?? false
            portIsolation = try root["portIsolation"]?.boolean() ?? false
            let access = try root["vlan"]?.integer(in: 0...4094) ?? 0
            vlan = access == 0 ? nil : UInt16(access)
            isTrunk = root["vlanTrunk"] != nil
            vlanTrunk = try Self.trunk(root["vlanTrunk"])
            preservesDefaultVLAN = try root["preserveDefaultVlan"]?.boolean() ?? false
            detectsDuplicates = try root["enabledad"]?.boolean() ?? false
            disablesContainerInterface = try root["disableContainerInterface"]?.boolean() ?? false
            masquerade = try Masquerade.Settings(root)
            checksMACSpoofing = try root["macspoofchk"]?.boolean() ?? false
            mac = try Self.mac(configuration, arguments)
        } catch { throw CNIError(error) }
        try validate(configuration)
    }

    private func validate(_ configuration: NetworkConfiguration) throws(CNIError) {
        for (key, name) in [("bridge", bridge), ("bridge", gatewayInterface)] {
            if let problem = Identifier.problem(withInterfaceName: name) {
                throw CNIError(.invalidConfiguration, "network configuration: \(key): \"\(name)\" \(problem)")
            }
        }
        if let mtu, mtu < 68 {
            throw CNIError(
                .invalidConfiguration,
                "network configuration: mtu: is \(mtu), must be 68 to 65535, or 0 for the kernel's default"
            )
        }
        if hairpinMode && promiscuousMode {
            throw CNIError(
                .invalidConfiguration,
                "network configuration: cannot set hairpinMode and promiscMode at the same time",
                details: "a promiscuous bridge reaches a container from itself without hairpin"
            )
        }
        if disablesContainerInterface && configuration.ipamType != nil {
            throw CNIError(
                .invalidConfiguration,
                "network configuration: cannot use IPAM when disableContainerInterface is true",
                details: "remove ipam, or disableContainerInterface"
            )
        }
    }

    /// `id`, or `minID` with `maxID`, for each element.
    private static func trunk(_ node: JSONNode?) throws(JSONError) -> [UInt16] {
        var identifiers: Set<UInt16> = []
        for element in try node?.elements() ?? [] {
            if let identifier = try element.member("id") {
                identifiers.insert(UInt16(try identifier.integer(in: 1...4094)))
            }
            switch (element["minID"], element["maxID"]) {
            case (let low?, let high?):
                let first = try low.integer(in: 1...4094)
                let last = try high.integer(in: 1...4094)
                guard first <= last else { throw low.invalid("is \(first), must not be above maxID \(last)") }
                identifiers.formUnion((first...last).map { UInt16($0) })
            case (nil, nil):
                guard element["id"] != nil else {
                    throw element.invalid("must have id, or minID and maxID")
                }
            default: throw element.invalid("has only one of minID and maxID, must have both")
            }
        }
        return identifiers.sorted()
    }

    /// The reference's ranks: `runtimeConfig.mac` over `args.cni.mac` over `CNI_ARGS`.
    private static func mac(
        _ configuration: NetworkConfiguration,
        _ arguments: CNIArguments
    ) throws(JSONError) -> MACAddress? {
        let sources: [(path: String, text: String?)] = [
            ("runtimeConfig.mac", try configuration.runtimeConfiguration?["mac"]?.string()),
            ("args.cni.mac", try configuration.arguments?["mac"]?.string()), ("CNI_ARGS MAC", arguments["MAC"]),
        ]
        guard let source = sources.first(where: { !($0.text ?? "").isEmpty }), let text = source.text else {
            return nil
        }
        guard let address = MACAddress(text), !address.isMulticast, !address.isZero else {
            throw JSONError(at: source.path, "is \"\(text)\", must be a unicast address such as 02:00:00:00:00:01")
        }
        return address
    }
}
