// swift-cni, SPDX-License-Identifier: Apache-2.0

/// Something that a network device can do for the kernel (`ethtool -k`).
public struct DeviceFeature: RawRepresentable, Hashable, Sendable {
    /// The kernel's name for it, up to 31 bytes.
    public let rawValue: String
    /// Names a feature.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The device takes packets whose checksum is left to compute, whatever their protocol.
    ///
    /// The corresponding C constant is `NETIF_F_HW_CSUM`.
    public static var checksumOffload: DeviceFeature { DeviceFeature(rawValue: "tx-checksum-ip-generic") }
}
