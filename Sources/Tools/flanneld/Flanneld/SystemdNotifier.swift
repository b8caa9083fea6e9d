// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LinuxSystem

/// Tells systemd how far the daemon is (`sd_notify(3)`), when systemd wants to know.
struct SystemdNotifier: Sendable {
    /// `NOTIFY_SOCKET`: a path, or "@" and a name without a file.
    private let socket: String?

    /// - Parameter environment: `NAME=value`.
    init(environment: [String]) {
        let prefix = "NOTIFY_SOCKET="
        let value = environment.first { $0.hasPrefix(prefix) }?.dropFirst(prefix.utf8.count)
        socket = value.flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? String($0) : nil }
    }

    /// The overlay can be used.
    func ready(_ status: String) { send("READY=1\nSTATUS=\(status)") }
    /// What `systemctl status` shows.
    func status(_ status: String) { send("STATUS=\(status)") }
    /// The daemon ends.
    func stopping() { send("STOPPING=1") }

    private func send(_ message: String) {
        guard let socket else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(socket.utf8)
        if path.first == UInt8(ascii: "@") { path[0] = 0 }
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let length = MemoryLayout<sockaddr_un>.offset(of: \.sun_path).map { $0 + path.count } ?? 0
        let number = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return }
        let descriptor = OwnedFileDescriptor(adopting: number)
        let bytes = Array(message.utf8)
        // Whether systemd listens changes nothing for the overlay.
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(descriptor.rawValue, bytes, bytes.count, 0, $0, socklen_t(length))
            }
        }
    }
}
