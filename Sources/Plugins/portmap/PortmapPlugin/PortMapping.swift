// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import Conntrack
internal import IPAddresses
internal import JSON

/// One published port: an element of `runtimeConfig.portMappings`.
struct PortMapping: Hashable {
    /// The protocol.
    let transport: TransportProtocol
    /// The port of the host, 1…65535.
    let hostPort: UInt16
    /// The port of the container, 1…65535.
    let containerPort: UInt16
    /// `hostIP`: the only address of the host that is meant, or the unspecified one of a family; nil means all.
    let hostAddress: IPAddress?
    /// Where the mapping stands in the configuration, for complaints.
    let path: String

    /// Reads an element.
    ///
    /// - Throws: ``JSONError`` that names the member, its value, and what would be right.
    init(_ node: JSONNode) throws(JSONError) {
        hostPort = UInt16(try node.requiredMember("hostPort").integer(in: 1...65_535))
        containerPort = UInt16(try node.requiredMember("containerPort").integer(in: 1...65_535))
        let name = try node["protocol"]?.string() ?? ""
        guard let transport = Self.transport(named: name) else {
            throw JSONError(at: node.path(of: "protocol"), "is \"\(name)\", must be \"tcp\", \"udp\" or \"sctp\"")
        }
        self.transport = transport
        let text = try node["hostIP"]?.string() ?? ""
        hostAddress = IPAddress(text)?.unmapped
        if hostAddress == nil && !text.isEmpty {
            throw JSONError(at: node.path(of: "hostIP"), "is \"\(text)\", must be an IP address such as 192.0.2.1")
        }
        path = node.path
    }

    /// The address that a packet must be sent to; nil for any of the family.
    var specificAddress: IPAddress? { hostAddress.flatMap { $0.isUnspecified ? nil : $0 } }

    /// Whether packets to 127.0.0.1 are meant.
    var includesLoopback: Bool { applies(to: .v4) && specificAddress?.isLoopback != false }

    /// Whether packets of a family are meant.
    func applies(to family: AddressFamily) -> Bool { hostAddress == nil || hostAddress?.family == family }

    /// The mappings of a configuration; none when the runtime gave none.
    ///
    /// - Throws: ``CNIError`` with code 7, also for two that contradict each other.
    static func list(_ configuration: NetworkConfiguration) throws(CNIError) -> [PortMapping] {
        var mappings: [PortMapping] = []
        do throws(JSONError) {
            for element in try configuration.runtimeConfiguration?["portMappings"]?.elements() ?? [] {
                let mapping = try PortMapping(element)
                guard let other = mappings.first(where: { $0.overlaps(mapping) }) else {
                    mappings.append(mapping)
                    continue
                }
                // Said twice is said once.
                if other.hostAddress == mapping.hostAddress, other.containerPort == mapping.containerPort { continue }
                throw element.invalid("\(mapping) is published already, by \(other.path) for \(other)")
            }
        } catch { throw CNIError(error) }
        return mappings
    }

    private func overlaps(_ other: PortMapping) -> Bool {
        guard transport == other.transport, hostPort == other.hostPort else { return false }
        return AddressFamily.allCases.contains { family in
            guard applies(to: family), other.applies(to: family) else { return false }
            guard let mine = specificAddress, let theirs = other.specificAddress else { return true }
            return mine == theirs
        }
    }

    private static func transport(named name: String) -> TransportProtocol? {
        switch name.lowercased() {
        case "tcp", "": .tcp
        case "udp": .udp
        case "sctp": .sctp
        default: nil
        }
    }
}

extension PortMapping: CustomStringConvertible {
    /// As people write it: "host port 192.0.2.1:8080/tcp".
    var description: String {
        let address = specificAddress.map { $0.family == .v4 ? "\($0):" : "[\($0)]:" } ?? ""
        return "host port \(address)\(hostPort)/\(transport.name)"
    }
}

extension TransportProtocol {
    /// The word of configurations.
    var name: String {
        switch self {
        case .tcp: "tcp"
        case .udp: "udp"
        case .sctp: "sctp"
        default: "\(rawValue)"
        }
    }
}
