// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import CNIExecution
public import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses
internal import Netlink
internal import RouteNetlink

extension BridgePlugin {
    /// Attaches a container.
    ///
    /// The address manager starts up and allocates while the links are made.
    public func add(_ request: AddRequest) throws(CNIError) -> NetworkResult {
        let configuration = try BridgeConfiguration(request.configuration, arguments: request.arguments)
        var ipam = try IPAMAllocation.start(request)
        let sockets = try AttachmentSockets(namespacePath: request.namespacePath)
        // A second ADD of a live attachment must fail before anything has changed; its delegate has not been told to yet.
        try sockets.requireFreeName(for: request.attachment)

        if ipam.needsNoInterface { try ipam.begin(request) }
        let opened = Result { () throws(CNIError) in try PacketRules.open(configuration, request.identity) }
        let made = Result { () throws(CNIError) in
            try makePort(request, configuration, sockets, opened.get())
        }
        if !ipam.needsNoInterface {
            _ = try made.get()
            try ipam.begin(request)
        }
        var result = try ipam.finish(request)
        let port = try made.flatMapError { (error) -> Result<Port, CNIError> in
            Result { () throws(CNIError) in
                // Only now: the address manager gives an attachment that is alive no second address.
                guard error.code == .alreadyExists,
                    try sockets.host.removeUnfinishedPair(request.identity.hostInterfaceName)
                else { throw error }
                return try makePort(request, configuration, sockets, opened.get())
            }
        }.get()

        let rules = try opened.get()
        result.interfaces = port.interfaces(namespacePath: request.namespacePath, attachment: request.attachment)
        if ipam.isUsed {
            let interface = ContainerInterface(port, request, configuration, sockets)
            try complete(&result, request, configuration)
            try rules?.masquerade(result, port, configuration, request)
            try assign(&result, to: interface, of: port, configuration, sockets)
            try sockets.waitUntilOperational(port.hostIndex, named: port.hostName)
            try interface.announce(as: port.containerMAC)
        } else if !configuration.disablesContainerInterface {
            try kernel { () throws(NetlinkError) in try sockets.container.bringUp(port.containerIndex) }
            try sockets.waitUntilOperational(port.hostIndex, named: port.hostName)
        }
        if let dns = try request.configuration.dns(), !dns.isEmpty { result.dns = dns }
        return result
    }

    /// Bridge, veth pair, its guard, port options, VLANs and the container's settings: all that needs no address.
    private func makePort(
        _ request: AddRequest,
        _ configuration: BridgeConfiguration,
        _ sockets: AttachmentSockets,
        _ rules: PacketRules?
    ) throws(CNIError) -> Port {
        let bridge = try BridgeLink.ensure(configuration, sockets.host)
        let port = try Port.make(on: bridge, request, configuration, sockets)
        // While the port is down.
        try rules?.guardPort(port, configuration, request.undo)
        try port.configure(request, configuration, sockets)
        try ContainerInterface(port, request, configuration, sockets).prepareSettings()
        return port
    }

    /// Addresses and routes in the container, gateways and forwarding on the host.
    private func assign(
        _ result: inout NetworkResult,
        to interface: ContainerInterface,
        of port: Port,
        _ configuration: BridgeConfiguration,
        _ sockets: AttachmentSockets
    ) throws(CNIError) {
        if configuration.isGateway {
            if let added = try GatewayInterface.ensure(result, port, configuration, sockets.host) {
                result.interfaces.append(added)
            }
        }
        try interface.apply(result, position: Port.containerPosition)
    }

    /// Gives each address its interface and, where the bridge is the gateway, a gateway and a default route.
    private func complete(
        _ result: inout NetworkResult,
        _ request: AddRequest,
        _ configuration: BridgeConfiguration
    ) throws(CNIError) {
        guard !result.ips.isEmpty else {
            throw CNIError(
                .delegation,
                "IPAM plugin \(request.configuration.ipamType ?? "") returned missing IP config: no address"
            )
        }
        for index in result.ips.indices {
            result.ips[index].interface = Port.containerPosition
            if configuration.isGateway && result.ips[index].gateway == nil {
                result.ips[index].gateway = result.ips[index].address.first.next
            }
        }
        guard configuration.isDefaultGateway else { return }
        for ip in result.ips {
            guard let gateway = ip.gateway else { continue }
            let family = gateway.family
            let isPresent = result.routes.contains {
                $0.isDefault && $0.destination.family == family && $0.gateway != nil
            }
            if isPresent { continue }
            // A default route that leaves the gateway open means the same one.
            result.routes.removeAll {
                $0.isDefault && $0.destination.family == family && $0 == .init(destination: $0.destination)
            }
            result.routes.append(RouteConfiguration(destination: .everything(family), gateway: gateway))
        }
    }
}

extension ContainerInterface {
    init(
        _ port: Port,
        _ request: AddRequest,
        _ configuration: BridgeConfiguration,
        _ sockets: AttachmentSockets
    ) {
        self.init(
            sockets: sockets,
            name: request.attachment.interfaceName,
            index: port.containerIndex,
            detectsDuplicates: configuration.detectsDuplicates
        )
    }
}
