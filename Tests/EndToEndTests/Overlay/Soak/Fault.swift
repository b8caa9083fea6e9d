// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem
import LinuxTesting

/// Something that goes wrong with one node of a cluster, or with its store.
struct Fault: Sendable {
    let name: String
    /// Whether the daemon ends by it.
    var endsDaemon = false
    /// Does the damage; what passes by itself in real life, such as an outage, is over when it returns.
    let happen: @Sendable (OverlayCluster, OverlayNode, inout SeededGenerator) throws -> Void

    /// A fault that a shell script on the node makes.
    ///
    /// `$D`, `$F` and `$N` stand for the device, the family's flag, and the node's number, `$R` for a random number.
    init(_ name: String, _ script: String) {
        self.name = name
        happen = { _, node, generator in
            let family = AddressFamily.allCases.randomElement(using: &generator) ?? .v4
            let device = family == .v4 ? "flannel.1" : "flannel-v6.1"
            let flag = family == .v4 ? "-4" : "-6"
            let number = Int.random(in: 1...9_999, using: &generator)
            try node.host.shell("D=\(device) F=\(flag) N=\(node.number) R=\(number)\n\(script)")
        }
    }

    /// A fault of any kind.
    init(
        _ name: String,
        endsDaemon: Bool = false,
        _ happen: @escaping @Sendable (OverlayCluster, OverlayNode, inout SeededGenerator) throws -> Void
    ) {
        self.name = name
        self.endsDaemon = endsDaemon
        self.happen = happen
    }

    /// Waits for a while of random length.
    static func pause(_ milliseconds: ClosedRange<UInt32>, _ generator: inout SeededGenerator) {
        usleep(UInt32.random(in: milliseconds, using: &generator) * 1_000)
    }

    /// All kinds that there are with a store.
    static func all(_ store: OverlayStore) -> [Fault] {
        daemon + links + routes + rules + files + (store == .etcd ? etcd : directory)
    }
}
