// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
public import JSON

extension NetworkResult {
    /// The result document in a version, with exactly that version's fields.
    public func document(version: SpecVersion) -> JSONValue {
        var object = JSONObject([("cniVersion", .string(version.description))])
        if version.hasLegacyResult {
            object["ip4"] = legacyAddress(.v4)
            object["ip6"] = legacyAddress(.v6)
        } else {
            if !interfaces.isEmpty { object["interfaces"] = .array(interfaces.map { $0.document(version: version) }) }
            if !ips.isEmpty { object["ips"] = .array(ips.map { $0.document(version: version) }) }
            if !routes.isEmpty { object["routes"] = .array(routes.map { $0.document(version: version) }) }
        }
        // Readers of the older versions have seen "dns" in every result.
        if version < .v1_0_0 || !dns.isEmpty { object["dns"] = dns.document }
        return .object(object)
    }

    /// The first address of a family with the routes of that family, as before 0.3.0.
    private func legacyAddress(_ family: AddressFamily) -> JSONValue? {
        guard let ip = ips.first(where: { $0.address.family == family }) else { return nil }
        var object = JSONObject([("ip", .string(ip.address.description))])
        object["gateway"] = ip.gateway.map { .string($0.description) }
        let own = routes.filter { $0.destination.family == family }
        if !own.isEmpty { object["routes"] = .array(own.map { $0.document(version: .v0_2_0) }) }
        return .object(object)
    }
}

extension NetworkResult.Interface {
    func document(version: SpecVersion) -> JSONValue {
        var object = JSONObject([("name", .string(name))])
        object["mac"] = mac.map { .string($0) }
        if version >= .v1_1_0 { object["mtu"] = mtu.map { .integer(Int64($0)) } }
        object["sandbox"] = sandbox.map { .string($0) }
        if version >= .v1_1_0 {
            object["socketPath"] = socketPath.map { .string($0) }
            object["pciID"] = pciID.map { .string($0) }
        }
        return .object(object)
    }
}

extension NetworkResult.IPConfiguration {
    func document(version: SpecVersion) -> JSONValue {
        var object = JSONObject()
        if version.hasAddressVersion { object["version"] = address.family == .v4 ? "4" : "6" }
        object["interface"] = interface.map { .integer(Int64($0)) }
        object["address"] = .string(address.description)
        object["gateway"] = gateway.map { .string($0.description) }
        return .object(object)
    }
}

extension RouteConfiguration {
    func document(version: SpecVersion) -> JSONValue {
        var object = JSONObject([("dst", .string(destination.description))])
        object["gw"] = gateway.map { .string($0.description) }
        guard version >= .v1_1_0 else { return .object(object) }
        for (key, number) in [
            ("mtu", mtu), ("advmss", advertisedMSS), ("priority", priority), ("table", table), ("scope", scope),
        ] { object[key] = number.map { .integer(Int64($0)) } }
        return .object(object)
    }
}

extension DNSConfiguration {
    /// The settings as a JSON object with only what is set.
    public var document: JSONValue {
        var object = JSONObject()
        if !nameservers.isEmpty { object["nameservers"] = .strings(nameservers) }
        if let domain, !domain.isEmpty { object["domain"] = .string(domain) }
        if !search.isEmpty { object["search"] = .strings(search) }
        if !options.isEmpty { object["options"] = .strings(options) }
        return .object(object)
    }
}
