// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import LinuxSystem
internal import LinuxTesting
internal import Testing

@Suite struct SHA2Tests {
    private static let long =
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"

    // The examples of FIPS 180-4 and NIST's page of intermediate values.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (long, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"),
    ])
    func `SHA-256 of the standard's examples`(message: String, digest: String) {
        #expect(SHA256.hash(Array(message.utf8)).hexadecimal == digest)
    }

    @Test(arguments: [
        (
            "",
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
                + "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
        ),
        (
            "abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
        (
            long,
            "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
                + "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909"
        ),
    ])
    func `SHA-512 of the standard's examples`(message: String, digest: String) {
        #expect(SHA512.hash(Array(message.utf8)).hexadecimal == digest)
    }

    @Test func `a million letters`() {
        let message = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        #expect(
            SHA256.hash(message).hexadecimal == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        )
        #expect(
            SHA512.hash(message).hexadecimal
                == "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
                + "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b"
        )
    }

    @Test func `every length around the blocks agrees with coreutils`() throws {
        let directory = try TemporaryDirectory()
        var names: [String] = []
        var expected: [(String, String)] = []
        for length in 0...260 {
            let message = (0..<length).map { _ in UInt8.random(in: 0...255) }
            let name = directory.appending("\(length)")
            try File.replace(name, with: message)
            names.append(name)
            expected.append((SHA256.hash(message).hexadecimal, SHA512.hash(message).hexadecimal))
        }
        let short = try Command.run(["sha256sum"] + names).split(separator: "\n").map { $0.prefix(64) }
        let long = try Command.run(["sha512sum"] + names).split(separator: "\n").map { $0.prefix(128) }
        #expect(short.map(String.init) == expected.map(\.0))
        #expect(long.map(String.init) == expected.map(\.1))
    }
}
