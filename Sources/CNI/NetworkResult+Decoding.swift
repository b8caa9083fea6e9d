// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
public import JSON

extension NetworkResult {
    /// Reads a result document.
    ///
    /// - Parameter version: The version to assume when the document has no `cniVersion` of its own, as for a
    ///   `prevResult`, which inherits its configuration's.
    /// - Throws: ``JSONError`` that names the member.
    public init(decoding node: JSONNode, version assumed: SpecVersion) throws(JSONError) {
        var version = assumed
        if let written = try node.member("cniVersion") {
            let text = try written.string()
            guard let known = SpecVersion.configured(text) else {
                throw written.invalid("is \"\(text)\", must be one of \(SpecVersion.all)")
            }
            version = known
        }
        self.init()
        if let dns = node["dns"] { self.dns = try DNSConfiguration(decoding: dns) }
        if version.hasLegacyResult {
            for key in ["ip4", "ip6"] {
                guard let legacy = try node.member(key) else { continue }
                ips.append(
                    IPConfiguration(
                        address: try legacy.requiredMember("ip").prefix(),
                        gateway: try legacy["gateway"]?.address()
                    )
                )
                for route in try legacy["routes"]?.elements() ?? [] {
                    routes.append(try RouteConfiguration(decoding: route))
                }
            }
            return
        }
        for element in try node["interfaces"]?.elements() ?? [] { interfaces.append(try Interface(decoding: element)) }
        for element in try node["ips"]?.elements() ?? [] {
            let ip = try IPConfiguration(decoding: element)
            if let index = ip.interface, !interfaces.isEmpty, !interfaces.indices.contains(index) {
                throw JSONError(
                    at: element.path(of: "interface"),
                    "is \(index), but the result has interfaces 0 to \(interfaces.count - 1)"
                )
            }
            ips.append(ip)
        }
        for element in try node["routes"]?.elements() ?? [] { routes.append(try RouteConfiguration(decoding: element)) }
    }
}

extension NetworkResult.Interface {
    init(decoding node: JSONNode) throws(JSONError) {
        self.init(
            name: try node.member("name")?.string() ?? "",
            mac: try node["mac"]?.string(),
            mtu: try node["mtu"]?.count(),
            sandbox: try node["sandbox"]?.string()
        )
        if sandbox == "" { sandbox = nil }
        if mac == "" { mac = nil }
        socketPath = try node["socketPath"]?.string()
        pciID = try node["pciID"]?.string()
    }
}

extension NetworkResult.IPConfiguration {
    init(decoding node: JSONNode) throws(JSONError) {
        self.init(
            address: try node.requiredMember("address").prefix(),
            gateway: try node["gateway"]?.address(),
            interface: try node["interface"]?.count()
        )
    }
}

extension RouteConfiguration {
    /// Reads a route object of a result or of an IPAM configuration.
    public init(decoding node: JSONNode) throws(JSONError) {
        self.init(destination: try node.requiredMember("dst").prefix(), gateway: try node["gw"]?.address())
        mtu = try node["mtu"]?.count()
        advertisedMSS = try node["advmss"]?.count()
        priority = try node["priority"]?.count()
        table = try node["table"]?.count()
        scope = try node["scope"].map { node throws(JSONError) in Int(try node.integer(in: 0...255)) }
        if let gateway, gateway.family != destination.family {
            throw JSONError(
                at: node.path(of: "gw"),
                "is \(gateway), must be an \(destination.family) address like dst \(destination)"
            )
        }
    }
}

extension DNSConfiguration {
    /// Reads a `dns` object.
    public init(decoding node: JSONNode) throws(JSONError) {
        _ = try node.object()
        nameservers = try node["nameservers"]?.strings() ?? []
        domain = try node["domain"]?.string()
        search = try node["search"]?.strings() ?? []
        options = try node["options"]?.strings() ?? []
    }
}

extension JSONNode {
    /// An IP address in text.
    public func address() throws(JSONError) -> IPAddress {
        let text = try string()
        guard let address = IPAddress(text) else { throw invalid("is \"\(text)\", must be an IPv4 or IPv6 address") }
        return address
    }

    /// An address with prefix length in text, such as "10.1.2.0/24".
    public func prefix() throws(JSONError) -> IPPrefix {
        let text = try string()
        guard let prefix = IPPrefix(text) else {
            throw invalid("is \"\(text)\", must be an address with a prefix length, such as 10.1.2.0/24")
        }
        return prefix
    }

    /// A number from 0 to 2³² − 1, the range of the kernel's own attributes.
    public func count() throws(JSONError) -> Int { Int(try integer(in: 0...Int64(UInt32.max))) }
}
