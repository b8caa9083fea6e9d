// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// Debian's containerd with runc, asked for pods as a kubelet asks.
    @Suite(
        .requiresProducts("bridge", "host-local", "loopback"),
        .requiresPrograms("containerd", "ctr", "runc", "busybox", "python3"),
        .requiresPythonModule("grpc")
    )
    struct ContainerRuntime {
        @Test func `pods of containerd reach each other and the gateway, and removed they leave nothing`() throws {
            let host = try TestHost()
            let containerd = try Containerd.start(
                on: host,
                list: [
                    "cniVersion": "1.0.0", "cniVersions": ["1.0.0", "1.1.0"], "name": "pods",
                    "plugins": [
                        [
                            "type": "bridge", "bridge": "cni-test0", "isDefaultGateway": true,
                            "ipam": [
                                "type": "host-local", "dataDir": .string(host.dataDirectory),
                                "ranges": [[["subnet": "10.84.0.0/24"]], [["subnet": "fd00:84::/64"]]],
                            ],
                        ]
                    ],
                ]
            )
            try containerd.remove(try containerd.run("warm-up"))
            let before = try Snapshot(of: host, files: containerd.stateOfNetworks)

            let pods = [try containerd.run("one"), try containerd.run("two")]
            #expect(Set(pods.flatMap(\.addresses)).count == 4, "\(pods)")
            for (pod, other) in [(pods[0], pods[1]), (pods[1], pods[0])] {
                for address in other.addresses + ["10.84.0.1", "fd00:84::1"] {
                    let answer = try containerd.execute(["ping", "-c", "2", "-W", "2", address], in: pod)
                    #expect(answer.contains(" 0% packet loss"), "\(address): \(answer)")
                }
                // containerd runs loopback itself, by the configuration version 0.3.1.
                let loopback = try containerd.execute(["ping", "-c", "1", "-W", "2", "127.0.0.1"], in: pod)
                #expect(loopback.contains(" 0% packet loss"), "\(loopback)")
            }
            #expect(try Snapshot(of: host, files: containerd.stateOfNetworks) != before)

            for pod in pods { try containerd.remove(pod) }
            #expect(try Snapshot(of: host, files: containerd.stateOfNetworks).difference(from: before) == [])
        }
    }
}
