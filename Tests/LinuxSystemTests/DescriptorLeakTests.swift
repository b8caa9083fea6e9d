// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import LinuxTesting
internal import Testing

@Suite struct DescriptorLeakTests {
    /// In a process of its own: tests beside this one open and close descriptors, too.
    @Test func `nothing that succeeds or fails leaves a descriptor open`() async {
        await #expect(processExitsWith: .success) {
            let directory = try TemporaryDirectory()
            func everything() throws {
                try File.replace(directory.appending("a"), with: [1], durability: .powerCut)
                _ = try? File.create(directory.appending("a"), with: [1])
                _ = try? File.contents(of: directory.appending("none"))
                _ = try? File.contents(of: "/dev/zero", limit: 1)
                _ = try Directory.names(in: directory.path)
                _ = try? Directory.names(in: directory.appending("a"))
                _ = try FileLock.acquire(directory.appending("lock"))
                let namespace = try NetworkNamespace.temporary()
                _ = try namespace.run { NetworkNamespace.currentIdentity }
                _ = try? NetworkNamespace.open("/etc/hostname")
                _ = try? ChildProcess.start("/nonexistent", environment: [])
                _ = try ChildProcess.start("/bin/sleep", arguments: ["60"], environment: [])
                var child = try ChildProcess.start("/bin/cat", environment: [])
                try child.send([1])
                _ = try child.wait()
                _ = try Sysctl.ipv4Forwarding.read()
            }
            // The first round may open what the process keeps.
            try everything()
            let before = try Directory.names(in: "/proc/self/fd").sorted()
            for _ in 0..<20 { try everything() }
            let after = try Directory.names(in: "/proc/self/fd").sorted()
            precondition(before == after, "descriptors before \(before), after \(after)")
        }
    }
}
