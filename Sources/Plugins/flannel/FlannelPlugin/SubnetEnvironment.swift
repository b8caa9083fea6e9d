// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import FlannelEnvironment
internal import IPAddresses

/// What this plugin needs of `subnet.env`; all of it must be there.
struct SubnetEnvironment: Hashable {
    /// `FLANNEL_NETWORK` and `FLANNEL_IPV6_NETWORK`: what the overlay spans, each once, IPv4 first.
    let networks: [IPPrefix]
    /// `FLANNEL_SUBNET` and `FLANNEL_IPV6_SUBNET`: this machine's part of it, without host bits, IPv4 first.
    let subnets: [IPPrefix]
    /// `FLANNEL_MTU`: the largest packet that gets through, in bytes.
    let mtu: Int
    /// `FLANNEL_IPMASQ`: whether flanneld hides the containers' addresses from the world.
    let isMasquerading: Bool

    /// Reads the file's text.
    ///
    /// - Throws: ``CNIError`` with code 11 that names file and keys: flanneld writes it anew when it starts.
    init(parsing text: String, path: String) throws(CNIError) {
        let variables: SubnetVariables
        do { variables = try SubnetVariables(parsing: text) } catch {
            throw CNIError(.tryAgainLater, "\(path): \(error)")
        }
        guard let mtu = variables.mtu, let isMasquerading = variables.masquerades, variables.missing.isEmpty else {
            throw CNIError(.tryAgainLater, "\(path) is missing \(variables.missing.joined(separator: ", "))")
        }
        for family in AddressFamily.allCases {
            let subnets = variables.subnets.filter { $0.family == family }
            guard subnets.count <= 1 else {
                let list = subnets.map(\.description).joined(separator: ", ")
                throw CNIError(.tryAgainLater, "\(path): has the \(family) subnets \(list), must have one")
            }
        }
        networks = variables.networks
        subnets = variables.subnets
        self.mtu = mtu
        self.isMasquerading = isMasquerading
    }
}
