// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import JSON
import LinuxSystem
import LinuxTesting
import Testing

/// Debian's Podman, which still has a backend for networks of CNI, with the list that flanneld writes.
@Suite(
    .requiresProducts("flanneld", "flannel", "bridge", "host-local", "portmap", "cnitool"),
    .requiresPrograms("busybox", "conmon", "podman", "python3", "runc"),
    .serialized
)
struct PodmanTests {
    @Test func `containers of Podman are on the overlay, and removed they leave nothing`() throws {
        let network = KubernetesOverlayTests.network
        let cluster = try OverlayCluster(2, network: network, flags: ["--ip-masq"])
        try cluster.start()
        let (node, peer) = (cluster.nodes[0], cluster.nodes[1])
        let others = try peer.attach("c2").all.map(\.description)
        let podman = try Podman(on: node.host)
        #expect(try podman.run("network", "ls", "--format", "{{.Name}} {{.Driver}}").contains("cbr0 flannel\n"))
        // What stays for the next container is there already.
        try podman.start("first", port: 8001)
        try podman.run("rm", "--force", "--time", "0", "first")
        let directories = ["/run/netns", "/var/lib/cni"]
        let before = try node.host.snapshot(directories)

        try podman.start("one", port: 8001)
        try podman.start("two", port: 8002)
        let addresses = try ["one", "two"].flatMap(podman.addresses)
        #expect(Set(addresses).count == 4, "\(addresses)")
        let script = "for address; do ping -c 1 -W 2 $address >/dev/null || echo $address; done"
        for name in ["one", "two"] {
            let words = ["exec", name, "sh", "-c", script, "sh", "127.0.0.1"] + addresses + others
            #expect(try podman.run(words) == "", "from \(name)")
        }
        for (name, port) in [("one", 8001), ("two", 8002)] {
            for address in ["192.0.1.1", "[2001:db8:1::1]"] {
                let answer = try peer.request("http://\(address):\(port)/etc/hostname")
                #expect(answer == name, "\(address) port \(port)")
            }
        }
        // Podman takes the networks away and makes them anew.
        try podman.run("restart", "--time", "0", "one")
        #expect(try peer.request("http://192.0.1.1:8001/etc/hostname") == "one")
        for address in try podman.addresses("one") {
            #expect(try peer.reaches(#require(IPAddress(address)), from: "c2"), "\(address)")
        }
        try podman.run("rm", "--force", "--time", "0", "one", "two")
        try node.host.expectNothingLeft(since: before, directories, "after both containers")
    }
}

/// Podman on a machine, with the machine's own storage and lists.
private struct Podman {
    private let host: IsolatedHost
    private let group: ControlGroup

    init(on host: IsolatedHost) throws {
        self.host = host
        group = ControlGroup(of: host)
        let configuration = """
            [engine]
            cgroup_manager = "cgroupfs"
            events_logger = "file"
            runtime = "runc"
            [network]
            network_backend = "cni"
            network_config_dir = "\(Containerd.lists)"
            cni_plugin_dirs = ["\(BuiltProducts.directory)"]
            """
        try File.create(host.path("/run/containers.conf"), with: Array(configuration.utf8))
        try Containerd.makeImage(host.path("/run/image.tar"))
        try run("load", "--quiet", "--input", "/run/image.tar")
    }

    @discardableResult
    func run(_ words: String...) throws -> String { try run(words) }

    /// Runs a command of Podman's and returns what it printed.
    func run(_ words: [String]) throws -> String {
        try Command.run(host.entering(["/usr/bin/env", "CONTAINERS_CONF=/run/containers.conf", "podman"] + words))
    }

    /// Starts a container with a web server at a port of the machine, which has the container's name.
    func start(_ name: String, port: Int) throws {
        let words = ["--name", name, "--hostname", name, "--network", "cbr0", "--cgroup-parent", group.path]
        let server = [Containerd.image, "/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/"]
        _ = try run(["run", "--detach", "--publish", "\(port):8080"] + words + server)
    }

    /// The addresses of a container, as Podman knows them.
    func addresses(_ name: String) throws -> [String] {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}}{{end}}"
        return try run("inspect", "--format", format, name).split { $0 == " " || $0 == "\n" }.map(String.init)
    }
}
