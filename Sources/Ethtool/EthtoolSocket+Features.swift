// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import LinuxSystem
public import Netlink
public import RouteNetlink

extension EthtoolSocket {
    /// Whether a feature of a device is on: `ethtool -k`.
    ///
    /// - Returns: nil when the kernel knows no feature of this name.
    /// - Throws: `ENODEV` when there is no such device.
    public borrowing func isOn(_ feature: DeviceFeature, of device: LinkIndex) throws(NetlinkError) -> Bool? {
        let request = try request("read features of \(device)", ETHTOOL_MSG_FEATURES_GET, device, .query)
        var isKnown = false
        var isActive = false
        try socket.query(request) { (_, payload) throws(NetlinkError) in
            try AttributeReader.forEach(in: payload, after: 4) { (type, value) throws(NetlinkError) in
                switch type {
                // All features there are, with those that can be switched marked.
                case ETHTOOL_A_FEATURES_HW: isKnown = try Bitset(reading: value).names.contains(feature.rawValue)
                case ETHTOOL_A_FEATURES_ACTIVE: isActive = try Bitset(reading: value).set.contains(feature.rawValue)
                default: break
                }
            }
        }
        return isKnown ? isActive : nil
    }

    /// Switches a feature of a device: `ethtool -K`.
    ///
    /// - Throws: `EOPNOTSUPP` when the device keeps the feature as it is.
    public borrowing func setFeature(
        _ feature: DeviceFeature,
        of device: LinkIndex,
        isOn: Bool
    ) throws(NetlinkError) {
        let operation = "switch \(feature.rawValue) of \(device) \(isOn ? "on" : "off")"
        try socket.perform(
            try request(operation, ETHTOOL_MSG_FEATURES_SET, device, .changeLink) { writer in
                writer.nest(ETHTOOL_A_FEATURES_WANTED) { writer in
                    writer.nest(ETHTOOL_A_BITSET_BITS) { writer in
                        writer.nest(ETHTOOL_A_BITSET_BITS_BIT) { writer in
                            writer.put(ETHTOOL_A_BITSET_BIT_NAME, string: feature.rawValue)
                            if isOn { writer.putFlag(ETHTOOL_A_BITSET_BIT_VALUE) }
                        }
                    }
                }
            }
        )
        // The kernel notes the wish and confirms it, whatever the device makes of it.
        guard try self.isOn(feature, of: device) != isOn else { return }
        throw NetlinkError(
            .refused,
            operation: operation,
            number: .notSupported,
            detail: "the device cannot switch it, or not beside its other features: see ethtool -k"
        )
    }

    private borrowing func request(
        _ operation: String,
        _ command: Int,
        _ device: LinkIndex,
        _ purpose: RequestPurpose,
        _ body: (inout AttributeWriter) -> Void = { _ in }
    ) throws(NetlinkError) -> NetlinkRequest {
        try NetlinkRequest(operation, purpose: purpose, type: Int(family), flags: []) { writer in
            writer.append(header: genlmsghdr(cmd: UInt8(command), version: 1, reserved: 0))
            // Each command has its header as its first attribute, number 1.
            writer.nest(ETHTOOL_A_FEATURES_HEADER) { writer in
                writer.put(ETHTOOL_A_HEADER_DEV_INDEX, device.rawValue)
                if purpose != .query { writer.put(ETHTOOL_A_HEADER_FLAGS, omitReply) }
            }
            body(&writer)
        }
    }

    /// The corresponding C constant, `ETHTOOL_FLAG_OMIT_REPLY`, is an expression that is not imported.
    private var omitReply: UInt32 { 2 }
}

/// A set of named bits, in the form in which each bit is an attribute.
struct Bitset {
    /// The bits that something is said of.
    private(set) var names: Set<String> = []
    /// The bits that are set.
    private(set) var set: Set<String> = []

    /// Reads `ETHTOOL_A_BITSET_…`.
    init(reading attribute: borrowing RawSpan) throws(NetlinkError) {
        var isList = false
        var marked: Set<String> = []
        try AttributeReader.forEach(in: attribute) { (type, value) throws(NetlinkError) in
            switch type {
            // Then the bits that are named are those that are set.
            case ETHTOOL_A_BITSET_NOMASK: isList = true
            case ETHTOOL_A_BITSET_BITS:
                try AttributeReader.forEach(in: value) { (_, bit) throws(NetlinkError) in
                    var name = ""
                    var isMarked = false
                    try AttributeReader.forEach(in: bit) { (type, value) throws(NetlinkError) in
                        switch type {
                        case ETHTOOL_A_BITSET_BIT_NAME: name = value.string
                        case ETHTOOL_A_BITSET_BIT_VALUE: isMarked = true
                        default: break
                        }
                    }
                    names.insert(name)
                    if isMarked { marked.insert(name) }
                }
            default: break
            }
        }
        set = isList ? names : marked
    }
}
