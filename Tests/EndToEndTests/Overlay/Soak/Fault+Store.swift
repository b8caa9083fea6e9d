// swift-cni, SPDX-License-Identifier: Apache-2.0

import EtcdTesting
import Glibc
import LinuxSystem
import LinuxTesting

/// What happens to the store.
extension Fault {
    static var directory: [Fault] {
        [
            Fault("the store's directory is away for a while") { cluster, _, generator in
                try Command.run("mv", cluster.shared, "\(cluster.shared).away")
                pause(100...1_500, &generator)
                // Whoever made it anew meanwhile has taken a directory for the store that is not.
                try Command.run("mv", "-T", "--no-clobber", "\(cluster.shared).away", cluster.shared)
                guard !File.isRegular("\(cluster.shared).away/config.json") else {
                    throw TestFailure("somebody has made the store's directory anew")
                }
            },
            Fault("a lease's file is torn") { cluster, _, generator in
                let path = try leaseFile(cluster, &generator)
                let contents = try File.contents(of: path)
                let length = Int.random(in: 0..<contents.count, using: &generator)
                try Command.run("truncate", "-s", "\(length)", path)
            },
            Fault("a lease's file is deleted") { cluster, _, generator in
                try Command.run("rm", try leaseFile(cluster, &generator))
            },
            Fault("nonsense is put among the leases") { cluster, _, generator in
                let number = Int.random(in: 0..<256, using: &generator)
                try Command.run("/bin/sh", "-c", "head -c 99 /dev/urandom > '\(cluster.shared)/subnets/\(number).json'")
            },
        ]
    }

    private static func leaseFile(_ cluster: OverlayCluster, _ generator: inout SeededGenerator) throws -> String {
        let keys = try cluster.leases().filter { $0.holder != nil }.map(\.key).sorted()
        guard let key = keys.randomElement(using: &generator) else { throw TestFailure("no lease can be read") }
        return "\(cluster.shared)/subnets/\(key).json"
    }

    static var etcd: [Fault] {
        [
            Fault("etcd is killed and restarted") { cluster, _, generator in
                let etcd = try cluster.etcd
                etcd.kill()
                pause(0...1_500, &generator)
                try etcd.start()
                try etcd.waitUntilReady()
            },
            Fault("etcd stands still") { cluster, _, generator in
                try cluster.etcd.freeze()
                pause(200...2_000, &generator)
                try cluster.etcd.thaw()
            },
            Fault("etcd's history is compacted while a node does not listen") { cluster, node, _ in
                let etcd = try cluster.etcd
                try node.send(SIGSTOP)
                // With the connections goes the watch; after the restart its revision is no longer there.
                etcd.kill()
                try etcd.start()
                try etcd.waitUntilReady()
                try etcd.compact()
                try node.send(SIGCONT)
            },
            Fault("a lease is revoked") { cluster, _, generator in
                try cluster.etcd.control("lease", "revoke", try lease(cluster, &generator).number)
            },
            Fault("a lease's key is deleted") { cluster, _, generator in
                try cluster.etcd.control("del", try lease(cluster, &generator).key)
            },
            Fault("a lease's value is torn") { cluster, _, generator in
                let lease = try lease(cluster, &generator)
                try cluster.etcd.control("put", "--ignore-lease", lease.key, #"{"PublicIP":"192.0"#)
            },
        ]
    }

    private static func lease(
        _ cluster: OverlayCluster,
        _ generator: inout SeededGenerator
    ) throws -> (key: String, number: String) {
        let leases = try cluster.leases().sorted { $0.key < $1.key }
        guard let lease = leases.randomElement(using: &generator), let number = lease.holder.flatMap({ Int64($0) })
        else {
            throw TestFailure("etcd has no lease")
        }
        return ("/coreos.com/network/subnets/\(lease.key)", String(number, radix: 16))
    }
}

extension EtcdServer {
    /// Makes etcd forget all that was before now.
    func compact() throws {
        let fields = try control("get", "/coreos.com/network/config", "-w", "fields").split(separator: "\n")
        guard let revision = fields.first(where: { $0.hasPrefix("\"Revision\" : ") })?.dropFirst(13) else {
            throw TestFailure("etcd tells no revision: \(fields)")
        }
        // A change after it, so that a watch from before must miss something.
        try control("put", "/unrelated", "1")
        try control("compact", "--physical", "\((Int(revision) ?? 0) + 1)")
    }
}
