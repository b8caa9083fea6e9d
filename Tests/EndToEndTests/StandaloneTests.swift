// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// What an executable needs from its host, and what it hands on to a delegate.
    @Suite struct Standalone {
        @Test(.requiresProducts("bridge", "host-local", "loopback"), arguments: ["bridge", "host-local", "loopback"])
        func `a plugin answers VERSION in an empty chroot without proc`(_ plugin: String) throws {
            let root = try TemporaryDirectory()
            try Command.run("cp", "\(BuiltProducts.directory)/\(plugin)", root.path)
            let outcome = try PluginProcess(
                path: "/usr/sbin/chroot",
                arguments: [root.path, "/\(plugin)"],
                environment: [Array("CNI_COMMAND=VERSION".utf8)],
                input: Array(#"{"cniVersion":"1.0.0"}"#.utf8)
            ).run()
            guard case .document(let document) = try Answer(outcome, to: "VERSION") else {
                throw TestFailure(outcome.summary)
            }
            #expect(try document.requiredMember("supportedVersions").strings().contains("1.1.0"))
        }

        @Test(.requiresProducts("cnitool"))
        func `cnitool starts in an empty chroot without proc`() throws {
            let root = try TemporaryDirectory()
            try Command.run("cp", "\(BuiltProducts.directory)/cnitool", root.path)
            let outcome = try PluginProcess(
                path: "/usr/sbin/chroot",
                arguments: [root.path, "/cnitool", "--help"],
                environment: [],
                input: []
            ).run()
            #expect(outcome.termination == .exited(0), "\(outcome.summary)")
            #expect(String(decoding: outcome.standardOutput, as: UTF8.self).contains("add"))
        }

        @Test(.requiresProducts("bridge"))
        func `a delegate inherits three descriptors and no signal settings`() throws {
            let host = try TestHost()
            let delegates = try TemporaryDirectory()
            let script = """
                #!/bin/sh
                ls -l /proc/self/fd > "$0.$CNI_COMMAND"
                grep -E '^Sig(Blk|Ign)' /proc/self/status >> "$0.$CNI_COMMAND"
                cat > /dev/null
                if [ "$CNI_COMMAND" = ADD ]; then
                    echo '{"cniVersion":"1.0.0","ips":[{"address":"10.81.0.2/24"}]}'
                fi
                """
            let path = delegates.appending("listing")
            try File.create(path, with: Array(script.utf8), mode: 0o755)
            let container = try TestContainer("delegating")
            var request = PluginRequest(
                "bridge",
                [
                    "cniVersion": "1.0.0", "name": "listing", "type": "bridge", "bridge": "cni-test0",
                    "ipam": ["type": "listing"],
                ],
                container
            )
            request.pluginPath = [delegates.path]
            _ = try host.add(request)
            try host.succeed(request, verb: "DEL")
            for verb in ["ADD", "DEL"] {
                let listing = String(decoding: try File.contents(of: "\(path).\(verb)"), as: UTF8.self)
                let lines = listing.split(separator: "\n")
                // "lr-x------ 1 root root 64 Jan 1 00:00 0 -> pipe:[1]"; 3 is the directory being listed.
                let open = lines.filter { $0.contains(" -> ") }.compactMap { line in
                    let words = line.split(separator: " ")
                    return words.firstIndex(of: "->").map { words[$0 - 1] }
                }
                #expect(open == ["0", "1", "2", "3"], "\(verb): \(listing)")
                let signals = lines.filter { $0.hasPrefix("Sig") }
                // SIGHUP, SIGINT, SIGPIPE and SIGTERM, as bits; others may come from whoever started the tests.
                let masks = signals.compactMap { UInt64($0.suffix(16), radix: 16) }
                #expect(masks.count == 2 && masks.allSatisfy { $0 & 0x5003 == 0 }, "\(verb): \(listing)")
            }
        }
    }
}
