// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting

/// A network as a conflist describes it: plugins that run one after the other, each handed the result of the one before.
struct ContainerNetwork: Sendable {
    /// The network's name.
    var name: String
    /// The version of the specification.
    var version = "1.0.0"
    /// The plugins' configurations, without name and version.
    var plugins: [JSONObject]

    /// The position of a plugin in the list, by its type.
    func index(of type: String) -> Int? { plugins.firstIndex { $0["type"]?.string == type } }

    /// The same network with keys of one plugin set.
    func setting(_ keys: [(String, JSONValue)], of type: String) -> ContainerNetwork {
        var network = self
        guard let index = index(of: type) else { return self }
        for (key, value) in keys { network.plugins[index][key] = value }
        return network
    }
}

/// A published port, as `runtimeConfig.portMappings` names it.
struct PublishedPort: Sendable {
    /// The host's port.
    var host: Int
    /// The container's port.
    var container: Int
    /// "tcp", "udp" or "sctp".
    var transport: Transport
    /// The host's address, if not all of them.
    var address: IPAddress?

    /// The element of the list.
    var value: JSONValue {
        var object = JSONObject([
            ("hostPort", .integer(Int64(host))), ("containerPort", .integer(Int64(container))),
            ("protocol", .string(transport.rawValue)),
        ])
        if let address { object["hostIP"] = .string("\(address)") }
        return .object(object)
    }
}

/// One interface of a container on a network, as a runtime remembers it from ADD to DEL.
struct Attachment: Sendable {
    /// The network.
    var network: ContainerNetwork
    /// `CNI_CONTAINERID`.
    var containerID: String
    /// `CNI_NETNS`.
    var namespacePath: String
    /// `CNI_IFNAME`.
    var interface = "eth0"
    /// `CNI_ARGS`.
    var arguments = ""
    /// What is published.
    var ports: [PublishedPort] = []
    /// The directory of all plugins, if not the host's.
    var directory: String?
    /// What the last plugin's ADD answered.
    var result: JSONNode?

    /// An attachment that is to be made.
    init(
        _ container: TestContainer,
        to network: ContainerNetwork,
        interface: String = "eth0",
        publishing ports: [PublishedPort] = []
    ) {
        self.network = network
        self.interface = interface
        self.ports = ports
        containerID = container.id
        namespacePath = container.namespace.path
    }

    /// What one plugin of the list is asked.
    func request(_ index: Int, verb: String, previousResult: JSONNode?) -> PluginRequest {
        var configuration = network.plugins[index]
        configuration["cniVersion"] = .string(network.version)
        configuration["name"] = .string(network.name)
        if !ports.isEmpty, configuration["capabilities"]?.object?["portMappings"] == true {
            configuration["runtimeConfig"] = ["portMappings": .array(ports.map(\.value))]
        }
        if let previousResult { configuration["prevResult"] = previousResult.value }
        var request = PluginRequest(
            configuration["type"]?.string ?? "",
            .object(configuration),
            containerID: containerID,
            namespacePath: namespacePath
        )
        request.verb = verb
        request.interfaceName = interface
        request.arguments = arguments
        request.directory = directory
        request.pluginPath = directory.map { [$0] }
        return request
    }

    /// The address in a family.
    func address(_ family: AddressFamily) throws -> IPAddress {
        guard let result else { throw TestFailure("\(containerID) has no result") }
        return try AddedAttachment(result).address(family)
    }

    /// The host's end of a veth, as the result lists it.
    func hostInterface() throws -> String {
        let interfaces = try result?["interfaces"]?.elements() ?? []
        let names = interfaces.filter { $0["sandbox"] == nil }.compactMap { $0["name"]?.value.string }
        guard let name = names.first(where: { $0.hasPrefix("veth") }) else {
            throw TestFailure("no veth among \(names)")
        }
        return name
    }
}

extension TestHost {
    /// Runs the ADD of each plugin in turn; notes the result in the attachment.
    func attach(_ attachment: inout Attachment) throws {
        for index in attachment.network.plugins.indices {
            let request = attachment.request(index, verb: "ADD", previousResult: attachment.result)
            attachment.result = try add(request).result
        }
    }

    /// Attaches a container to a network.
    func attach(
        _ container: TestContainer,
        to network: ContainerNetwork,
        interface: String = "eth0",
        publishing ports: [PublishedPort] = []
    ) throws -> Attachment {
        var attachment = Attachment(container, to: network, interface: interface, publishing: ports)
        try attach(&attachment)
        return attachment
    }

    /// Runs the DEL of each plugin, the last first.
    func detach(_ attachment: Attachment) throws { try runReversed("DEL", attachment) }

    /// Runs the CHECK of each plugin.
    func check(_ attachment: Attachment) throws {
        for index in attachment.network.plugins.indices {
            try succeed(attachment.request(index, verb: "CHECK", previousResult: attachment.result), verb: "CHECK")
        }
    }

    /// Runs the GC of each plugin.
    func collectGarbage(_ network: ContainerNetwork, keeping attachments: [Attachment]) throws {
        let valid = attachments.map { attachment -> JSONValue in
            ["containerID": .string(attachment.containerID), "ifname": .string(attachment.interface)]
        }
        for plugin in network.plugins {
            var configuration = plugin
            configuration["cniVersion"] = .string(network.version)
            configuration["name"] = .string(network.name)
            configuration["cni.dev/valid-attachments"] = .array(valid)
            let type = plugin["type"]?.string ?? ""
            let request = PluginRequest(type, .object(configuration), containerID: "", namespacePath: "")
            try succeed(request, verb: "GC")
        }
    }

    /// Waits until an interface has ended with its container's namespace.
    func waitUntilGone(_ interface: String) throws {
        let deadline = Deadline.after(.seconds(5))
        while try namespace.run({ if_nametoindex(interface) }) != 0 {
            guard deadline.remainingNanoseconds > 0 else { throw TestFailure("\(interface) stays") }
            usleep(5000)
        }
    }

    /// Empties host-local's directory, as a reboot does where it is in memory.
    func forgetReservations() throws {
        try Command.run("rm", "-r", dataDirectory)
        try Directory.create(dataDirectory, mode: 0o755)
    }

    private func runReversed(_ verb: String, _ attachment: Attachment) throws {
        for index in attachment.network.plugins.indices.reversed() {
            try succeed(attachment.request(index, verb: verb, previousResult: attachment.result), verb: verb)
        }
    }
}
