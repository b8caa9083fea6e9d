// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

extension NetworkConfiguration.Backend {
    /// Reads `Backend` of a configuration; without it, the default VXLAN.
    init(_ document: JSONNode) throws(OverlayError) {
        guard let backend = document["Backend"] else {
            self = .vxlan(NetworkConfiguration.VXLANOptions())
            return
        }
        let type = try readable { () throws(JSONError) in try backend.member("Type")?.string() ?? "" }
        // flannel compares the name without regard to case.
        switch type.lowercased() {
        case "vxlan": self = .vxlan(try NetworkConfiguration.VXLANOptions(backend))
        case "host-gw": self = .hostGateway
        case "alloc": self = .alloc
        default:
            throw OverlayError(
                .configuration,
                type.isEmpty
                    ? "\(backend.path(of: "Type")) is missing" : "\(backend.path(of: "Type")) is \"\(type)\"",
                advice: "write \"vxlan\", \"host-gw\" or \"alloc\"; no other backend exists here"
            )
        }
    }
}

extension NetworkConfiguration.VXLANOptions {
    /// Reads the options of `vxlan`; 0 means the default, as in flannel.
    init(_ backend: JSONNode) throws(OverlayError) {
        self.init()
        try readable { () throws(JSONError) in
            let number = { (key: String, largest: Int64) throws(JSONError) in
                try backend.member(key)?.integer(in: 0...largest)
            }
            let choice = { (key: String) throws(JSONError) in try backend.member(key)?.boolean() ?? false }
            if let vni = try number("VNI", 0xff_ffff) { self.vni = UInt32(vni) }
            if let port = try number("Port", 0xffff), port > 0 { self.port = UInt16(port) }
            if let mtu = try number("MTU", 0xffff), mtu > 0 { underlayMTU = Int(mtu) }
            groupBasedPolicy = try choice("GBP")
            learning = try choice("Learning")
            directRouting = try choice("DirectRouting")
            if let offload = try backend.member("ChecksumOffload")?.boolean() { checksumOffload = offload }
        }
        // RFC 791 lets no link carry less than 68 bytes; 50 of them are VXLAN's own.
        if let underlayMTU, underlayMTU < 68 + 50 {
            throw OverlayError(
                .configuration,
                "\(backend.path(of: "MTU")) is \(underlayMTU)",
                advice: "it is the underlay's, 118 to 65535; leave it out to use the uplink's"
            )
        }
    }
}
