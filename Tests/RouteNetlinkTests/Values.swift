// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import Testing

/// An address written in a test.
func ip(_ text: String) throws -> IPAddress {
    let address = IPAddress(text)
    return try #require(address)
}

/// A prefix written in a test.
func prefix(_ text: String) throws -> IPPrefix {
    let prefix = IPPrefix(text)
    return try #require(prefix)
}

/// An Ethernet address written in a test.
func mac(_ text: String) throws -> MACAddress {
    let address = MACAddress(text)
    return try #require(address)
}
