// swift-cni, SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import LinuxTesting
import Testing

extension EndToEnd {
    /// Debian's containerd with runc, asked for pods as a kubelet asks.
    @Suite(.requiresProducts("bridge", "host-local", "loopback"), .requiresContainerd)
    struct ContainerRuntime {
        @Test func `pods of containerd reach each other and the gateway, and removed they leave nothing`() throws {
            let host = try IsolatedHost()
            let list = try File.contents(of: "\(BuiltProducts.packageRoot)/netconf/10-bridge-dual-stack.conflist")
            try host.run("mkdir", "-p", Containerd.lists)
            try File.create(host.path("\(Containerd.lists)/10-pods.conflist"), with: list)
            let containerd = try Containerd(on: host)
            #expect(try containerd.obstacles() == [:])
            try containerd.remove(try containerd.run(["warm-up"]))
            // Reservations, results, and namespaces of pods.
            let directories = ["/var/lib/cni", "/run/netns"]
            let before = try host.snapshot(directories)

            let pods = try containerd.run(["one", "two"])
            #expect(Set(pods.flatMap(\.addresses)).count == 4, "\(pods)")
            for (pod, other) in [(pods[0], pods[1]), (pods[1], pods[0])] {
                for address in other.addresses + ["10.23.0.1", "fd5c:23::1"] {
                    let answer = try containerd.execute(["ping", "-c", "1", "-W", "2", address], in: pod)
                    #expect(answer.contains(" 0% packet loss"), "\(address): \(answer)")
                }
                // containerd runs loopback itself, by the configuration version 0.3.1.
                let loopback = try containerd.execute(["ping", "-c", "1", "-W", "2", "127.0.0.1"], in: pod)
                #expect(loopback.contains(" 0% packet loss"), "\(loopback)")
            }
            #expect(try host.snapshot(directories) != before)

            try containerd.remove(pods)
            try host.expectNothingLeft(since: before, directories, "after the pods")
        }

        @Test func `a container of containerd without pods is attached by a chain, and detached when it is over`()
            throws
        {
            let host = try IsolatedHost()
            let containerd = try Containerd(on: host)
            try containerd.installNetwork("\(BuiltProducts.packageRoot)/netconf/10-bridge-nat.conflist")
            // What stays for the next container.
            _ = try containerd.runAlone("warm-up", ["sh", "-c", ":"])
            let directories = ["/var/lib/cni"]
            let before = try host.snapshot(directories)
            #expect(try !host.run("nft", "list", "table", "inet", "cni").contains("10.25.0."))

            let script = """
                ping -c 1 -W 2 127.0.0.1 >/dev/null && ping -c 1 -W 2 10.25.0.1 >/dev/null \
                    && ping -c 1 -W 2 fd5c:25::1
                """
            // It knows no namespace any more when it has the network removed: all is done with what its cache holds.
            let answer = try containerd.runAlone("alone", ["sh", "-c", script])
            #expect(answer.contains(" 0% packet loss"), "\(answer)")
            try host.expectNothingLeft(since: before, directories, "after the container")
        }
    }
}
