// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import LinuxSystem
internal import LinuxTesting
internal import Testing

@Suite struct Base64Tests {
    @Test func `it agrees with base64(1) both ways`() throws {
        let directory = try TemporaryDirectory()
        for count in 0..<70 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255) }
            let file = directory.appending("bytes")
            try File.replace(file, with: bytes)
            let expected = try Command.run("base64", "-w0", file)
            #expect(Base64.encode(bytes) == expected)
            #expect(Base64.decode(expected) == bytes)
        }
    }

    @Test(arguments: ["a", "ab=", "a===", "ab c", "=abc", "ab==ab=="])
    func `what is none is refused`(text: String) { #expect(Base64.decode(text) == nil) }
}
