// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

extension MACAddress {
    /// A random, locally administered unicast address.
    ///
    /// Given to the kernel in the request that creates a link, because udev replaces addresses the kernel chose.
    public static func random() -> MACAddress {
        var generator = SystemRandomNumberGenerator()
        let bits = generator.next()
        let octets = (0..<6).map { UInt8(truncatingIfNeeded: bits >> (8 * UInt64($0))) }
        guard let address = MACAddress(hash: octets) else { preconditionFailure("six octets are six octets") }
        return address
    }
}
