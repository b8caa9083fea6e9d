// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON

extension ContainerNetwork {
    /// A bridge with gateway, hairpin mode, and one address of each family, as in our conflists.
    ///
    /// - Parameter subnet: The number that makes the subnets: 88 is 10.88.0.0/24 and fd00:88::/64.
    static func pods(
        _ name: String,
        subnet: Int,
        on host: TestHost,
        masquerading: Bool = true,
        extra: [(String, JSONValue)] = []
    ) -> ContainerNetwork {
        pods(
            name,
            bridge: "cni-\(name)",
            ranges: [Networks.range("10.\(subnet).0.0/24"), Networks.range("fd00:\(subnet)::/64")],
            dataDirectory: host.dataDirectory,
            masquerading: masquerading,
            extra: extra
        )
    }

    /// A bridge with gateway, hairpin mode and the given ranges.
    static func pods(
        _ name: String,
        bridge: String,
        ranges: [JSONValue],
        dataDirectory: String,
        masquerading: Bool = true,
        extra: [(String, JSONValue)] = []
    ) -> ContainerNetwork {
        let configuration = JSONObject(
            [
                ("type", "bridge"), ("bridge", .string(bridge)), ("isDefaultGateway", true), ("hairpinMode", true),
                ("ipMasq", .boolean(masquerading)),
                (
                    "ipam",
                    [
                        "type": "host-local", "dataDir": .string(dataDirectory),
                        "ranges": .array(ranges.map { .array([$0]) }),
                    ]
                ),
            ] + extra
        )
        return ContainerNetwork(name: name, plugins: [configuration])
    }

    /// The network with a plugin behind the others.
    func chaining(_ type: String, _ keys: [(String, JSONValue)] = []) -> ContainerNetwork {
        var network = self
        let capabilities: [(String, JSONValue)] =
            type == "portmap" ? [("capabilities", ["portMappings": true])] : []
        network.plugins.append(JSONObject([("type", .string(type))] + capabilities + keys))
        return network
    }
}

/// A container that is attached, and its attachment.
struct Pod {
    /// The container.
    let container: TestContainer
    /// Its attachment.
    let attachment: Attachment

    /// Its address in a family.
    func address(_ family: AddressFamily) throws -> IPAddress { try attachment.address(family) }
}

extension TestHost {
    /// Makes a container and attaches it.
    func pod(_ id: String, on network: ContainerNetwork, publishing ports: [PublishedPort] = []) throws -> Pod {
        let container = try TestContainer(id)
        return Pod(container: container, attachment: try attach(container, to: network, publishing: ports))
    }
}
