// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import LinuxSystem
internal import LinuxTesting
internal import Testing

@Suite struct NetworkNamespaceTests {
    @Test func `a temporary namespace is new, empty, and not the caller's`() throws {
        let home = NetworkNamespace.currentIdentity
        let namespace = try NetworkNamespace.temporary()
        #expect(home != nil && NetworkNamespace.identity(of: namespace.path) != home)
        #expect(NetworkNamespace.currentIdentity == home)
        let links = try Command.json("ip", "-j", "link", in: namespace).elements()
        #expect(try links.map { try $0.requiredMember("ifname").string() } == ["lo"])
    }

    @Test func `work inside happens inside, and the thread returns`() throws {
        let home = NetworkNamespace.currentIdentity
        let namespace = try NetworkNamespace.temporary()
        let inside = try namespace.run { NetworkNamespace.currentIdentity }
        #expect(inside == NetworkNamespace.identity(of: namespace.path))
        #expect(NetworkNamespace.currentIdentity == home)
        let failure = try namespace.run { Result { try File.contents(of: "/nonexistent") } }
        #expect(throws: SystemCallError.self) { try failure.get() }
        #expect(NetworkNamespace.currentIdentity == home)
    }

    @Test func `a namespace is opened by its path`() throws {
        let namespace = try NetworkNamespace.temporary()
        let again = try NetworkNamespace.open(namespace.path)
        let names = try Command.run("readlink", namespace.path, again.path).split(separator: "\n")
        #expect(names.count == 2 && names.first == names.last)
        #expect(NetworkNamespace.identity(of: again.path) == NetworkNamespace.identity(of: namespace.path))
        #expect(NetworkNamespace.identity(of: "/run/netns/none-such") == nil)
    }

    @Test(arguments: ["/etc/hostname", "/proc/self/ns/mnt", "/proc/self/ns/user", "/dev/null", "/tmp"])
    func `what is no network namespace is refused`(path: String) {
        let error = #expect(throws: SystemCallError.self) { _ = try NetworkNamespace.open(path) }
        #expect(error?.number == .invalidArgument)
        #expect(error?.subject == path)
    }

    @Test func `a missing path is told`() {
        let error = #expect(throws: SystemCallError.self) { _ = try NetworkNamespace.open("/run/netns/none-such") }
        #expect(error?.number == .noSuchFile)
    }

    @Test func `sysctls are those of the namespace`() throws {
        let namespace = try NetworkNamespace.temporary()
        let before = try Sysctl.ipv4Forwarding.read()
        let written = try namespace.run {
            Result {
                try Sysctl.ipv4Forwarding.write("0")
                let changed = try Sysctl.ipv4Forwarding.ensure("1")
                let again = try Sysctl.ipv4Forwarding.ensure("1")
                return (changed, again, try Sysctl.ipv4Forwarding.read())
            }
        }.get()
        #expect(written == (true, false, "1"))
        #expect(
            try Command.run("sysctl", "-n", "net.ipv4.ip_forward", in: namespace) == "1\n"
        )
        #expect(try Sysctl.ipv4Forwarding.read() == before)
    }

    @Test func `sysctl names carry interface names with dots`() throws {
        let namespace = try NetworkNamespace.temporary()
        try Command.run("ip", "link", "add", "a.b", "type", "veth", "peer", "c", in: namespace)
        let setting = Sysctl.ipv4("a.b", "arp_notify")
        try namespace.run { Result { try setting.write("1") } }.get()
        #expect(setting.description == "net.ipv4.conf.a/b.arp_notify")
        #expect(try Command.run("sysctl", "-n", setting.description, in: namespace) == "1\n")
        let missing = #expect(throws: SystemCallError.self) { try Sysctl.ipv6("none", "accept_ra").write("0") }
        #expect(missing?.number == .noSuchFile)
        #expect(missing?.subject == "/proc/sys/net/ipv6/conf/none/accept_ra")
    }
}
