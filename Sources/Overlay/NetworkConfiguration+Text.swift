// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
public import JSON

extension NetworkConfiguration {
    /// The configuration with every key that has a value, as ``init(parsing:)`` reads it.
    public var json: JSONValue {
        var document = JSONObject()
        document["EnableIPv4"] = .boolean(families.v4 != nil)
        document["EnableIPv6"] = .boolean(families.v6 != nil)
        for family in families.families {
            guard let settings = families[family] else { continue }
            let prefix = family == .v4 ? "" : "IPv6"
            document["\(prefix)Network"] = .string("\(settings.network)")
            document["\(prefix)SubnetLen"] = .integer(Int64(settings.subnetLength))
            document["\(prefix)SubnetMin"] = .string("\(settings.firstSubnet.address)")
            document["\(prefix)SubnetMax"] = .string("\(settings.lastSubnet.address)")
        }
        document["Backend"] = backend.json
        return .object(document)
    }
}

extension NetworkConfiguration.Backend {
    /// The backend with its options.
    fileprivate var json: JSONValue {
        switch self {
        case .hostGateway: ["Type": "host-gw"]
        case .alloc: ["Type": "alloc"]
        case .vxlan(let options):
            [
                "Type": "vxlan", "VNI": .integer(Int64(options.vni)), "Port": .integer(Int64(options.port ?? 0)),
                "MTU": .integer(Int64(options.underlayMTU ?? 0)), "GBP": .boolean(options.groupBasedPolicy),
                "Learning": .boolean(options.learning), "DirectRouting": .boolean(options.directRouting),
                "ChecksumOffload": .boolean(options.checksumOffload),
            ]
        }
    }
}
