// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIPlugin
internal import ContainerNetwork
internal import IPAddresses

/// What port maps lead to: a container's first address of each family.
struct MappedContainer {
    /// The addresses with their subnets' lengths.
    let addresses: [IPPrefix]

    /// Finds the addresses of the attachment's interface in a result.
    ///
    /// - Throws: ``CNIError`` with code 7 when there is none.
    init(_ result: NetworkResult, _ attachment: AttachmentID) throws(CNIError) {
        let own = result.addresses(of: attachment)
        addresses = AddressFamily.allCases.compactMap { family in
            own.first { $0.family == family && !$0.address.isLinkLocal }
        }
        guard !addresses.isEmpty else {
            throw CNIError(
                .invalidConfiguration,
                "network configuration: prevResult.ips: has no address of \(attachment.interfaceName) to map ports to",
                details: "portmap must come after a plugin that gives the container an address"
            )
        }
    }

    /// The chains of the network in the families of the container.
    func chains(_ configuration: PortmapConfiguration, network: String) -> [NetworkChain] {
        let subnets = addresses.map(\.network)
        var chains = addresses.map { address in
            NetworkPortChains.chain(address.family, network: network, configuration, subnets: subnets)
        }
        if configuration.servesLocalhost { chains.append(NetworkPortChains.marked(bit: configuration.markBit)) }
        return chains
    }

    /// Requires an address of the family of each `hostIP`.
    func requireFamilies(of mappings: [PortMapping], _ diagnostics: Diagnostics) throws(CNIError) {
        for mapping in mappings {
            guard let address = mapping.hostAddress, !addresses.contains(where: { $0.family == address.family }) else {
                continue
            }
            let what = "\(mapping.path).hostIP: \(address) is \(address.family)"
            guard address.isUnspecified else {
                throw CNIError(
                    .invalidConfiguration,
                    "network configuration: \(what), and the container has no \(address.family) address",
                    details: "the container has \(addresses.map { "\($0)" }.joined(separator: ", "))"
                )
            }
            diagnostics.warn("\(what), and the container has no such address: \(mapping) is not published there")
        }
    }
}
