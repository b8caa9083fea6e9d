// swift-cni, SPDX-License-Identifier: Apache-2.0

import EtcdTesting
import Glibc
import IPAddresses
import LinuxSystem
import LinuxTesting
import Testing

/// What is said when etcd does not let a node in, and that containers of a node that was ready notice nothing.
@Suite(
    .requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "cnitool"),
    .requiresPrograms("etcd", "etcdctl", "openssl"),
    .serialized
)
struct EtcdAccessTests {
    private static let network = EtcdOverlayTests.network

    /// Restarts a node with flags that let it not in, then a node that never was in, then the first as it should be.
    private func expectRefusal(
        _ cluster: OverlayCluster,
        _ addresses: [PerFamilyAddresses],
        right: [String],
        wrong: [String],
        words: [String]
    ) throws {
        let node = cluster.nodes[0]
        let endpoints = Array(node.flags.prefix(2))
        let text = try node.pinging(try #require(addresses[1].v4), from: "c1", count: 300, milliseconds: 10) {
            try node.stop()
            node.flags = endpoints + wrong
            try node.start()
            for word in words { try node.wait("\"\(word)\"") { node.lastError.contains(word) } }
            #expect(node.isReady)
        }
        #expect(text.contains("300 packets transmitted, 300 received"), "\(text)")
        let status = try node.host.run("\(BuiltProducts.directory)/flanneld", "status")
        for word in words { #expect(status.contains(word), "\(status)") }

        // A node that was never ready waits, and says why.
        let fresh = cluster.nodes[2]
        fresh.flags = endpoints + wrong
        try fresh.start()
        for word in words { try fresh.wait("\"\(word)\"") { fresh.lastError.contains(word) } }
        #expect(fresh.state == "starting")
        let answer = try fresh.host.outcome("\(BuiltProducts.directory)/flanneld", "status")
        #expect(answer.termination == .exited(1))
        for word in words { #expect(String(decoding: answer.standardOutput, as: UTF8.self).contains(word)) }
        let plugin = try fresh.plugin("ADD")
        for word in words { #expect(plugin.contains(word), "\(plugin)") }

        for other in [node, fresh] {
            try other.stop()
            other.flags = endpoints + right
            try other.start()
            try other.wait("being ready without a word of trouble") { other.isReady && other.lastError.isEmpty }
        }
        try cluster.waitUntilMeshed()
        try cluster.expectMesh(addresses + [try fresh.attach("c3")])
    }

    /// Starts two of three nodes and attaches containers to them.
    private func startTwo(_ cluster: OverlayCluster, _ flags: [String]) throws -> [PerFamilyAddresses] {
        let two = cluster.nodes.prefix(2)
        for node in two {
            node.flags += flags
            try node.start()
        }
        for node in two { try node.wait("a route to the other") { node.isReady && (try? node.routeCount(.v4)) == 1 } }
        return try two.map { try $0.attach("c\($0.number)") }
    }

    @Test func `a certificate from elsewhere is told, and forwarding goes on`() throws {
        let certificates = try Certificates(serverAddress: OverlayCluster.serverAddress)
        let files = { (authority: String, client: String) in
            [
                "-cafile", certificates.certificate(authority), "-certfile", certificates.certificate(client),
                "-keyfile",
                certificates.key(client),
            ]
        }
        var options = EtcdServer.Options()
        options.scheme = "https"
        options.arguments = [
            "--cert-file", certificates.certificate("server"), "--key-file", certificates.key("server"),
            "--trusted-ca-file", certificates.certificate("authority"), "--client-cert-auth",
        ]
        options.clientArguments = [
            "--cacert", certificates.certificate("authority"), "--cert", certificates.certificate("client"), "--key",
            certificates.key("client"),
        ]
        let flags = { (words: [String]) in words.map { $0.hasPrefix("-") ? "--etcd\($0)" : $0 } }
        let right = flags(files("authority", "client"))
        let cluster = try OverlayCluster(3, network: Self.network, store: .etcd, options: options)
        let addresses = try startTwo(cluster, right)
        try expectRefusal(
            cluster,
            addresses,
            right: right,
            wrong: flags(files("stranger", "client")),
            words: ["not signed by an authority", "--etcd-cafile"]
        )
    }

    @Test func `a wrong password is told, and forwarding goes on`() throws {
        var options = EtcdServer.Options()
        // It is let in before passwords are asked for, too.
        options.clientArguments = ["--user", "root:secret"]
        let cluster = try OverlayCluster(3, network: Self.network, store: .etcd, options: options)
        let etcd = try cluster.etcd
        try etcd.control("user", "add", "root:secret", "--user", "")
        try etcd.control("user", "grant-role", "root", "root", "--user", "")
        try etcd.control("auth", "enable", "--user", "")
        let right = ["--etcd-username", "root", "--etcd-password", "secret"]
        let addresses = try startTwo(cluster, right)
        try expectRefusal(
            cluster,
            addresses,
            right: right,
            wrong: ["--etcd-username", "root", "--etcd-password", "other"],
            words: ["invalid user ID or password", "--etcd-password"]
        )
    }

    @Test func `certificates that are not there yet are waited for`() throws {
        let certificates = try Certificates(serverAddress: OverlayCluster.serverAddress)
        var options = EtcdServer.Options()
        options.scheme = "https"
        options.arguments = [
            "--cert-file", certificates.certificate("server"), "--key-file", certificates.key("server"),
        ]
        options.clientArguments = ["--cacert", certificates.certificate("authority")]
        let flags = ["--etcd-cafile", "/run/authority.pem"]
        let cluster = try OverlayCluster(1, network: Self.network, store: .etcd, options: options, flags: flags)
        let node = cluster.nodes[0]
        try node.start()
        try node.wait("the file's name") { node.lastError.contains("/run/authority.pem") }
        #expect(node.lastError.contains("--etcd-cafile"), "\(node.lastError)")
        try File.replace(
            node.host.path("/run/authority.pem"),
            with: File.contents(of: certificates.certificate("authority")),
            mode: 0o644
        )
        try node.wait("being ready") { node.isReady }
        #expect(try node.stop() == .exited(0))
    }
}
