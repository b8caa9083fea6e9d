// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import LinuxTesting
internal import Overlay
internal import Testing

@Suite struct SubnetFileTests {
    private let directory: TemporaryDirectory
    private let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.appending("run/flannel/subnet.env")
    }

    static let files: [(String?, String?, String?, String?, Bool, String)] = [
        (
            "10.244.0.0/16", "10.244.1.0/24", "2001:cafe:42::/56", "2001:cafe:42::/64", true,
            """
            FLANNEL_NETWORK=10.244.0.0/16
            FLANNEL_SUBNET=10.244.1.1/24
            FLANNEL_IPV6_NETWORK=2001:cafe:42::/56
            FLANNEL_IPV6_SUBNET=2001:cafe:42::1/64
            FLANNEL_MTU=1450
            FLANNEL_IPMASQ=true

            """
        ),
        (
            "10.244.0.0/16", "10.244.1.0/24", nil, nil, false,
            """
            FLANNEL_NETWORK=10.244.0.0/16
            FLANNEL_SUBNET=10.244.1.1/24
            FLANNEL_MTU=1450
            FLANNEL_IPMASQ=false

            """
        ),
        (
            nil, nil, "fd00::/48", "fd00:0:0:1::/64", true,
            """
            FLANNEL_IPV6_NETWORK=fd00::/48
            FLANNEL_IPV6_SUBNET=fd00:0:0:1::1/64
            FLANNEL_MTU=1450
            FLANNEL_IPMASQ=true

            """
        ),
    ]

    @Test(arguments: files)
    func `the file is written exactly as flannel's, and read back`(
        network: String?,
        subnet: String?,
        networkV6: String?,
        subnetV6: String?,
        masquerades: Bool,
        text: String
    ) throws {
        let file = SubnetFile(
            networks: PerFamily(v4: network.flatMap { IPPrefix($0) }, v6: networkV6.flatMap { IPPrefix($0) }),
            subnets: PerFamily(v4: subnet.flatMap { IPPrefix($0) }, v6: subnetV6.flatMap { IPPrefix($0) }),
            mtu: 1450,
            masquerades: masquerades
        )
        try file.write(to: path)
        #expect(String(decoding: try File.contents(of: path), as: UTF8.self) == text)
        #expect(try SubnetFile(at: path) == file)
        // A shell reads it as the reference's scripts and units do.
        let names = "FLANNEL_NETWORK FLANNEL_SUBNET FLANNEL_IPV6_NETWORK FLANNEL_IPV6_SUBNET FLANNEL_MTU FLANNEL_IPMASQ"
        let script = "set -eu; . \(path); for n in \(names); do eval \"[ -z \\\"\\${$n-}\\\" ] || echo $n=\\$$n\"; done"
        #expect(try Command.run("sh", "-c", script) == text)
    }

    @Test func `mode and directory are as flannel's, and nothing is left beside it`() throws {
        let file = SubnetFile(networks: PerFamily(), subnets: PerFamily(), mtu: 1500, masquerades: false)
        for _ in 0..<2 { try file.write(to: path) }
        #expect(try Command.run("stat", "-c", "%a", path) == "644\n")
        #expect(try Command.run("stat", "-c", "%a", Path.parent(of: path)) == "755\n")
        #expect(try Directory.names(in: Path.parent(of: path)) == ["subnet.env"])
    }

    @Test func `lists of other programs are read, and taken for no previous subnet`() throws {
        let file = try SubnetFile(
            parsing: """
                # written by a migration
                export FLANNEL_NETWORK="10.244.0.0/16,10.96.0.0/12,10.244.0.0/16"
                 FLANNEL_SUBNET='10.244.1.1/24, 10.244.2.1/24'
                FLANNEL_IPV6_NETWORK=fd00::/48
                FLANNEL_IPMASQ=yes
                OTHER=1
                nonsense
                """
        )
        #expect(file.networks.v4?.map(\.description) == ["10.244.0.0/16", "10.96.0.0/12"])
        #expect(file.network == PerFamily(v6: IPPrefix("fd00::/48")))
        #expect(file.subnets.v4?.map(\.description) == ["10.244.1.0/24", "10.244.2.0/24"])
        #expect(file.subnet == PerFamily())
        #expect(file.mtu == nil)
        #expect(!file.masquerades)
    }

    @Test func `no file is no previous subnet`() throws { #expect(try SubnetFile(at: path) == nil) }

    @Test(arguments: [
        ("FLANNEL_NETWORK=10.244.0.0", "FLANNEL_NETWORK"), ("FLANNEL_SUBNET=fd00::1/64", "FLANNEL_SUBNET"),
        ("FLANNEL_IPV6_SUBNET=10.244.1.1/24", "FLANNEL_IPV6_SUBNET"), ("FLANNEL_MTU=big", "FLANNEL_MTU"),
        ("FLANNEL_NETWORK=10.244.0.0/16,", "FLANNEL_NETWORK"),
    ])
    func `a damaged file is told with its path and key`(text: String, key: String) throws {
        try Directory.create(Path.parent(of: path), mode: 0o755)
        try File.replace(path, with: Array(text.utf8))
        let error = try #require(throws: OverlayError.self) { try SubnetFile(at: path) }
        #expect(error.code == .malformedText)
        #expect(error.message.contains(path) && error.message.contains(key))
    }

    @Test func `a place that cannot be written is told`() throws {
        try File.create(directory.appending("run"), with: [])
        let file = SubnetFile(networks: PerFamily(), subnets: PerFamily(), mtu: 1500, masquerades: false)
        let error = try #require(throws: OverlayError.self) { try file.write(to: path) }
        #expect(error.code == .localFile)
    }
}
