// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A kernel setting under /proc/sys, of the network namespace the calling thread is in.
public struct Sysctl: Hashable, Sendable, CustomStringConvertible {
    /// Where it is below /proc/sys, with slashes: interface names may hold dots.
    public let name: String

    /// Names a setting, such as "net/ipv4/ip_forward".
    public init(_ name: String) { self.name = name }

    /// `net.ipv4.ip_forward`: whether IPv4 packets are routed between interfaces.
    public static var ipv4Forwarding: Sysctl { Sysctl("net/ipv4/ip_forward") }
    /// `net.ipv6.conf.all.forwarding`: whether IPv6 packets are routed between interfaces.
    public static var ipv6Forwarding: Sysctl { Sysctl("net/ipv6/conf/all/forwarding") }

    /// `net.ipv4.conf.<interface>.<setting>`.
    public static func ipv4(_ interface: String, _ setting: String) -> Sysctl {
        Sysctl("net/ipv4/conf/\(interface)/\(setting)")
    }
    /// `net.ipv6.conf.<interface>.<setting>`.
    public static func ipv6(_ interface: String, _ setting: String) -> Sysctl {
        Sysctl("net/ipv6/conf/\(interface)/\(setting)")
    }

    /// The name with dots, as `sysctl(8)` takes it.
    public var description: String { String(name.map { $0 == "/" ? "." : $0 == "." ? "/" : $0 }) }

    private var path: String { "/proc/sys/\(name)" }

    /// The value without its line end.
    public func read() throws(SystemCallError) -> String {
        var bytes = try File.contents(of: path, limit: 65_536)
        while let last = bytes.last, last == UInt8(ascii: "\n") { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Writes a value.
    public func write(_ value: String) throws(SystemCallError) {
        try OwnedFileDescriptor.open(path, .write).writeAll(Array(value.utf8), subject: path)
    }

    /// Writes a value only when it differs, so that a read-only /proc/sys that is right already is no failure.
    ///
    /// - Returns: Whether it was written.
    @discardableResult
    public func ensure(_ value: String) throws(SystemCallError) -> Bool {
        if try read() == value { return false }
        try write(value)
        return true
    }
}
