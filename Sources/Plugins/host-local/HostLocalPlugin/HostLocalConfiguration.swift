// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import HostLocalStore
internal import IPAddresses
internal import JSON
internal import LinuxSystem

/// Where a network's reservations are: all that DEL and GC need to know.
struct StoreLocation {
    let network: String
    let dataDirectory: String

    /// Reads `ipam.dataDir` and nothing else, so that a configuration edited into nonsense still releases.
    init(_ configuration: NetworkConfiguration) throws(CNIError) {
        network = configuration.name
        do {
            let written = try configuration.root["ipam"]?["dataDir"]?.string() ?? ""
            dataDirectory = written.isEmpty ? ReservationStore.defaultDataDirectory : written
        } catch { throw CNIError(error) }
    }

    func store() throws(CNIError) -> ReservationStore {
        try ReservationStore(dataDirectory: dataDirectory, network: network)
    }
}

/// The `ipam` object, with what `runtimeConfig` and `args` add to it.
struct HostLocalConfiguration {
    /// Where the reservations are.
    let location: StoreLocation
    /// One address is handed out of each.
    let rangeSets: [RangeSet]
    private let network: NetworkConfiguration
    private let ipam: JSONNode

    /// Reads and validates the ranges.
    ///
    /// - Throws: ``CNIError`` with code 7 that names field, value and what would be right.
    init(_ configuration: NetworkConfiguration) throws(CNIError) {
        network = configuration
        location = try StoreLocation(configuration)
        guard let ipam = configuration.root["ipam"] else {
            throw CNIError(.invalidConfiguration, "network configuration: ipam: is required but missing")
        }
        self.ipam = ipam
        rangeSets = try Self.rangeSets(of: configuration, ipam)
    }

    /// The sets in the order the reference numbers them: the runtime's, the one written directly in `ipam`, the list.
    private static func rangeSets(
        of configuration: NetworkConfiguration,
        _ ipam: JSONNode
    ) throws(CNIError) -> [RangeSet] {
        var sets: [RangeSet] = []
        var paths: [String] = []
        do {
            let excluded = try ipam["exclude"]?.exclusions() ?? []
            var nodes: [(path: String, ranges: [JSONNode])] = []
            for element in try configuration.runtimeConfiguration?["ipRanges"]?.elements() ?? [] {
                nodes.append((element.path, try element.elements()))
            }
            if ipam["subnet"] != nil { nodes.append((ipam.path, [ipam])) }
            for element in try ipam["ranges"]?.elements() ?? [] {
                nodes.append((element.path, try element.elements()))
            }
            for node in nodes {
                var ranges: [AddressRange] = []
                for range in node.ranges { ranges.append(try AddressRange(decoding: range, excluded: excluded)) }
                sets.append(try RangeSet(ranges, path: node.path))
                paths.append(node.path)
            }
        } catch let error as JSONError { throw CNIError(error) } catch let error as CNIError { throw error } catch {
            throw CNIError(.invalidConfiguration, "\(error)")
        }
        guard !sets.isEmpty else {
            throw CNIError(
                .invalidConfiguration,
                "ipam: no IP ranges specified; give ipam.ranges, ipam.subnet or runtimeConfig.ipRanges"
            )
        }
        try requireDisjoint(sets, paths)
        if configuration.version.hasLegacyResult {
            for family in AddressFamily.allCases where sets.count(where: { $0.family == family }) > 1 {
                throw CNIError(
                    .invalidConfiguration,
                    "ipam: CNI version \(configuration.version) does not support more than 1 address per family; "
                        + "there are several \(family) range sets"
                )
            }
        }
        return sets
    }

    private static func requireDisjoint(_ sets: [RangeSet], _ paths: [String]) throws(CNIError) {
        for (index, set) in sets.enumerated() {
            for (earlier, other) in sets[..<index].enumerated() {
                guard let (first, second) = other.overlap(with: set) else { continue }
                throw CNIError(
                    .invalidConfiguration,
                    "\(paths[index]): range \(second) overlaps \(first) of \(paths[earlier])"
                )
            }
        }
    }

    /// The addresses asked for by `CNI_ARGS`, by `args.cni.ips` and by `runtimeConfig.ips`, each once.
    ///
    /// The reference adds them up, so we do; prefix lengths are accepted and mean nothing.
    func requestedAddresses(arguments: CNIArguments) throws(CNIError) -> [IPAddress] {
        var addresses: [IPAddress] = []
        if let text = arguments["IP"] {
            guard let address = Self.address(text) else {
                throw CNIError(.invalidEnvironment, "CNI_ARGS: IP is \"\(text)\", must be an IPv4 or IPv6 address")
            }
            addresses.append(address)
        }
        do {
            for list in [network.arguments?["ips"], network.runtimeConfiguration?["ips"]] {
                for element in try list?.elements() ?? [] {
                    let text = try element.string()
                    guard let address = Self.address(text) else {
                        throw element.invalid("is \"\(text)\", must be an IPv4 or IPv6 address")
                    }
                    if !addresses.contains(address) { addresses.append(address) }
                }
            }
        } catch let error as JSONError { throw CNIError(error) } catch { throw CNIError(.decoding, "\(error)") }
        return addresses
    }

    private static func address(_ text: String) -> IPAddress? { (IPPrefix(text)?.address ?? IPAddress(text))?.unmapped }

    /// The routes, which go into the result as they are.
    func routes() throws(CNIError) -> [RouteConfiguration] {
        var routes: [RouteConfiguration] = []
        do {
            for element in try ipam["routes"]?.elements() ?? [] {
                routes.append(try RouteConfiguration(decoding: element))
            }
        } catch { throw CNIError(error) }
        return routes
    }

    /// The settings in the file that `resolvConf` names.
    func dns() throws(CNIError) -> DNSConfiguration {
        let path: String
        do { path = try ipam["resolvConf"]?.string() ?? "" } catch { throw CNIError(error) }
        guard !path.isEmpty else { return DNSConfiguration() }
        guard !path.utf8.contains(0) else {
            throw CNIError(.invalidConfiguration, "ipam.resolvConf: \"\(path)\" is not a path")
        }
        do {
            let contents = try File.contents(of: path, limit: 1 << 20)
            return DNSConfiguration(resolverFile: String(decoding: contents, as: UTF8.self))
        } catch {
            throw CNIError(.inputOutput, "ipam.resolvConf: \(path) cannot be read", details: "\(error)")
        }
    }
}

extension Grant {
    /// The address with its subnet's prefix length.
    var prefix: IPPrefix { IPPrefix(address, length: range.subnet.length) ?? IPPrefix(host: address) }
}

extension AddressRange {
    /// Reads a range object.
    fileprivate init(decoding node: JSONNode, excluded: [IPPrefix]) throws {
        let own = try node["exclude"]?.exclusions() ?? []
        try self.init(
            subnet: try node.requiredMember("subnet").prefix(),
            start: try node["rangeStart"]?.address().unmapped,
            end: try node["rangeEnd"]?.address().unmapped,
            gateway: try node["gateway"]?.address().unmapped,
            excluded: excluded + own.filter { !excluded.contains($0) },
            path: node.path
        )
    }
}

extension JSONNode {
    /// A list of addresses and subnets.
    fileprivate func exclusions() throws(JSONError) -> [IPPrefix] {
        var prefixes: [IPPrefix] = []
        for element in try elements() {
            let text = try element.string()
            if let prefix = IPPrefix(text) {
                prefixes.append(prefix.network)
            } else if let address = IPAddress(text) {
                prefixes.append(IPPrefix(host: address.unmapped))
            } else {
                throw element.invalid("is \"\(text)\", must be an address or a subnet such as 10.1.2.0/28")
            }
        }
        return prefixes
    }
}
