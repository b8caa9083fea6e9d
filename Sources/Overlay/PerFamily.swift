// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses

/// One value for IPv4 and one for IPv6, each of which may be missing.
public struct PerFamily<Value> {
    /// The value for IPv4.
    public var v4: Value?
    /// The value for IPv6.
    public var v6: Value?

    /// Creates a pair.
    public init(v4: Value? = nil, v6: Value? = nil) {
        self.v4 = v4
        self.v6 = v6
    }

    /// The value for a family.
    public subscript(family: AddressFamily) -> Value? {
        get { family == .v4 ? v4 : v6 }
        set { if family == .v4 { v4 = newValue } else { v6 = newValue } }
    }

    /// The families that have a value, IPv4 first.
    public var families: [AddressFamily] { AddressFamily.allCases.filter { self[$0] != nil } }
}

extension PerFamily: Equatable where Value: Equatable {}
extension PerFamily: Hashable where Value: Hashable {}
extension PerFamily: Sendable where Value: Sendable {}
