// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import Overlay

extension PerFamily where Value == IPPrefix {
    /// The subnets, separated by "and".
    var summary: String { families.compactMap { self[$0] }.map(\.description).joined(separator: " and ") }
}

extension NetworkConfiguration {
    /// The networks and the backend, on one line.
    var summary: String {
        let networks = families.families.compactMap { families[$0]?.network.description }.joined(separator: " and ")
        return "\(networks), backend \(backend.summary)"
    }
}

extension NetworkConfiguration.Backend {
    /// The backend's name, and its most important options.
    var summary: String {
        switch self {
        case .vxlan(let options): "vxlan (VNI \(options.vni)\(options.directRouting ? ", DirectRouting" : ""))"
        case .hostGateway: "host-gw"
        case .alloc: "alloc"
        }
    }
}
