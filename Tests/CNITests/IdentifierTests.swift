// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import LinuxTesting
internal import Testing

@Suite struct IdentifierTests {
    @Test(arguments: ["a", "0", "a.b", "a_b-c.d", "A9", String(repeating: "x", count: 255)])
    func `a name starts with a letter or digit`(name: String) {
        #expect(Identifier.problem(withName: name) == nil)
        #expect(Identifier.problem(withNetworkName: name) == nil)
    }

    @Test(arguments: ["", ".", "..", ".a", "-a", "_a", "a/b", "../a", "a b", "a\n", "a\0", "ä", "aé", "a;b", "a$b"])
    func `other names are refused`(name: String) {
        #expect(Identifier.problem(withName: name) != nil)
        #expect(Identifier.problem(withNetworkName: name) != nil)
    }

    @Test func `a network name fits a directory name`() {
        #expect(Identifier.problem(withNetworkName: String(repeating: "x", count: 256)) != nil)
    }

    @Test(arguments: ["eth0", "a", "veth.100", "fifteen-bytes-x", "-a", "näh"])
    func `interface names are what the kernel takes`(name: String) {
        #expect(Identifier.problem(withInterfaceName: name) == nil)
    }

    @Test(arguments: ["", ".", "..", "a/b", "a:b", "a b", "a\tb", "a\n", "sixteen-bytes-xx", "\u{7f}", "a\0b"])
    func `other interface names are refused`(name: String) {
        #expect(Identifier.problem(withInterfaceName: name) != nil)
    }

    @Test func `the digest covers length-prefixed names`() throws {
        let identity = AttachmentIdentity(
            network: "net",
            attachment: AttachmentID(containerID: "c", interfaceName: "eth0")
        )
        let witness = try Command.run(
            "sh",
            "-c",
            #"printf '\0\0\0\0\0\0\0\003net\0\0\0\0\0\0\0\001c\0\0\0\0\0\0\0\004eth0' | sha256sum | cut -c1-64"#
        ).dropLast()
        #expect(identity.digest.hexadecimal == witness)
        #expect(identity.shortDigest == witness.prefix(32))
        let base32 = try Command.run(
            "sh",
            "-c",
            #"printf '\0\0\0\0\0\0\0\003net\0\0\0\0\0\0\0\001c\0\0\0\0\0\0\0\004eth0' | openssl dgst -sha256 -binary | base32 -w0 | tr A-Z a-z | cut -c1-11"#
        ).dropLast()
        #expect(identity.hostInterfaceName == "veth" + base32)
        #expect(AttachmentIdentity.hostInterfaceName(shortDigest: identity.shortDigest) == "veth" + base32)
        #expect(AttachmentIdentity.hostInterfaceName(shortDigest: String(identity.shortDigest.dropLast())) == nil)
        #expect(AttachmentIdentity.hostInterfaceName(shortDigest: identity.shortDigest.dropLast() + "g") == nil)
        #expect(Identifier.problem(withInterfaceName: identity.hostInterfaceName) == nil)
    }

    @Test func `names that join to the same text are different`() {
        let digests = [("a", "b", "c"), ("ab", "", "c"), ("a", "bc", ""), ("", "ab", "c")].map {
            AttachmentIdentity(network: $0.0, attachment: AttachmentID(containerID: $0.1, interfaceName: $0.2)).digest
        }
        #expect(Set(digests).count == 4)
    }
}
