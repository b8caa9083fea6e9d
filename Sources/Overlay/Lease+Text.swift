// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
public import JSON

extension LeaseAttributes {
    /// The members of a lease's value in the order in which flannel writes them, without what is empty.
    ///
    /// `PublicIP` is `0.0.0.0` when there is none, `PublicIPv6` is null: flannel's reader wants both.
    public var json: JSONValue {
        var members = JSONObject()
        members["PublicIP"] = .string("\(publicAddresses.v4 ?? .v4(IPv4Address(rawValue: 0)))")
        members["PublicIPv6"] = publicAddresses.v6.map { .string("\($0)") } ?? .null
        if !backendType.rawValue.isEmpty { members["BackendType"] = .string(backendType.rawValue) }
        members["BackendData"] = backendData.v4
        members["BackendV6Data"] = backendData.v6
        return .object(members)
    }

    /// Reads the value of a lease's key.
    public init(parsing text: some Sequence<UInt8>) throws(OverlayError) {
        try self.init(try legible { () throws(JSONError) in JSONNode(try JSONValue(parsing: text)) })
    }

    /// Reads the members of a lease's value: keys in any case, absent ones and null are empty, unknown ones ignored.
    public init(_ value: JSONNode) throws(OverlayError) {
        self = try legible { () throws(JSONError) in
            var addresses = PerFamily<IPAddress>()
            for (family, key) in [(AddressFamily.v4, "PublicIP"), (.v6, "PublicIPv6")] {
                guard let member = try value.member(key) else { continue }
                let text = try member.string()
                if text.isEmpty { continue }
                guard let address = IPAddress(text), address.family == family else {
                    throw member.invalid("is \"\(text)\", must be an \(family) address")
                }
                if !address.isUnspecified { addresses[family] = address }
            }
            return LeaseAttributes(
                publicAddresses: addresses,
                backendType: BackendType(rawValue: try value.member("BackendType")?.string() ?? ""),
                backendData: PerFamily(v4: value["BackendData"]?.value, v6: value["BackendV6Data"]?.value)
            )
        }
    }
}

extension VXLANEndpoint {
    /// What flannel writes, byte for byte once it is text: `{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}`.
    public var json: JSONValue { ["VNI": .integer(Int64(vni)), "VtepMAC": .string("\(mac)")] }

    /// Reads the backend data of a lease.
    public init(_ value: JSONNode) throws(OverlayError) {
        self = try legible { () throws(JSONError) in
            // flannel of before the key was published wrote no VNI: it was 1 for all.
            let vni = try value.member("VNI")?.integer(in: 0...0xff_ffff) ?? 1
            let member = try value.requiredMember("VtepMAC")
            let text = try member.string()
            guard let mac = MACAddress(text), !mac.isMulticast, !mac.isZero else {
                throw member.invalid("is \"\(text)\", must be the Ethernet address of one station")
            }
            return VXLANEndpoint(vni: UInt32(vni), mac: mac)
        }
    }
}

/// Reads part of what a node published; a complaint about JSON becomes one about that.
func legible<Result>(_ body: () throws(JSONError) -> Result) throws(OverlayError) -> Result {
    do { return try body() } catch { throw OverlayError(.malformedText, "\(error)") }
}
