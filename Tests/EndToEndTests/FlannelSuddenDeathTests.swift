// swift-cni, SPDX-License-Identifier: Apache-2.0

import CProcessControl
import Glibc
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// flannel, ended at each of its system calls in turn while a bridge and host-local work for it.
    @Suite(.requiresProducts("bridge", "flannel", "host-local")) struct FlannelSuddenDeath {
        /// A configuration whose subnet has room for one container: what is leaked fails the next run.
        private func configuration(for host: TestHost) throws -> JSONValue {
            let subnetFile = host.path("subnet.env")
            let text = """
                FLANNEL_NETWORK=10.244.0.0/16
                FLANNEL_SUBNET=10.244.1.1/30
                FLANNEL_MTU=1450
                FLANNEL_IPMASQ=true

                """
            try File.replace(subnetFile, with: Array(text.utf8))
            return [
                "cniVersion": "1.0.0", "name": "pods", "type": "flannel", "subnetFile": .string(subnetFile),
                "dataDir": .string("\(host.dataDirectory)/flannel"), "delegate": ["bridge": "cni-test0"],
                "ipam": ["dataDir": .string(host.dataDirectory)],
            ]
        }

        @Test(arguments: [SIGKILL, SIGTERM])
        func `a signal at any system call of ADD, then DEL without namespace and subnet.env, leaves nothing`(
            _ signal: Int32
        ) throws {
            let host = try TestHost()
            let configuration = try configuration(for: host)
            let warmUp = try TestContainer("warm-up")
            _ = try host.add(PluginRequest("flannel", configuration, warmUp))
            try host.succeed(PluginRequest("flannel", configuration, warmUp), verb: "DEL")
            let before = try Snapshot(of: host)
            var request = PluginRequest("flannel", configuration, warmUp)
            let calls = try host.endAtEachCall(by: signal) { call in
                request = PluginRequest("flannel", configuration, try TestContainer("ended-\(call)"))
                return host.process(for: request)
            } then: { end in
                #expect(end.report.left_running == 0, "a delegate outlived its plugin; \(end.place)")
                if signal == SIGTERM, end.outcome.termination == .exited(1) {
                    try host.expectNothingLeft(since: before, "after an error, \(end.place)")
                }
                let subnetFile = host.path("subnet.env")
                try File.rename(subnetFile, to: host.path("away"))
                let answer = try host.answer(to: request.with(verb: "DEL").withoutNamespace())
                try File.rename(host.path("away"), to: subnetFile)
                #expect(answer.error == nil, "DEL after \(end.place)")
                try host.expectNothingLeft(since: before, "after DEL, \(end.place)")
            }
            // As many as a plugin needs at the very least; fewer would mean that nothing was hit at all.
            #expect(calls > 50)
        }
    }
}
