// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Testing

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

    /// The network in another version of the specification.
    func speaking(_ version: String) -> ContainerNetwork {
        var network = self
        network.version = version
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
    /// Detaches a pod, whose namespace lives until that is done.
    func detach(_ pod: Pod) throws {
        defer { withExtendedLifetime(pod) {} }
        try detach(pod.attachment)
    }

    /// Makes a container and attaches it.
    func pod(_ id: String, on network: ContainerNetwork, publishing ports: [PublishedPort] = []) throws -> Pod {
        let container = try TestContainer(id)
        return Pod(container: container, attachment: try attach(container, to: network, publishing: ports))
    }
}

extension Site {
    /// Attaches and detaches a container, which leaves what belongs to the network.
    func warmUp(_ network: ContainerNetwork, publishing ports: [PublishedPort]? = nil) throws {
        let ports = ports ?? Transport.allCases.map { PublishedPort(host: 8000, container: 80, transport: $0) }
        let pod = try host.pod("warm-up", on: network, publishing: network.index(of: "portmap") == nil ? [] : ports)
        try host.detach(pod)
    }

    /// Expects that a container's TCP port is reached from outside, and that it reaches the outside by the host's address.
    func expectServed(
        _ pod: Pod,
        port: UInt16,
        _ family: AddressFamily,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let way = Combination(family: family, transport: .tcp, bridgeFilter: true)
        let service = try way.service("published", port: 80, in: pod.container.namespace)
        let neighbor = try way.service("outside", port: 9000, in: outside.namespace)
        let inward = try way.call(Place.host.address(family), port, from: outside.namespace, among: [service])
        #expect(
            inward == Contact("published", saw: Place.outside.address(family)),
            "outside to \(pod.container.id)",
            sourceLocation: sourceLocation
        )
        let outward = try way.call(
            Place.outside.address(family),
            9000,
            from: pod.container.namespace,
            among: [neighbor]
        )
        #expect(
            outward == Contact("outside", saw: Place.host.address(family)),
            "\(pod.container.id) to outside",
            sourceLocation: sourceLocation
        )
    }
}
