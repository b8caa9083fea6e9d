// swift-cni, SPDX-License-Identifier: Apache-2.0

import CProcessControl
import Glibc
import LinuxSystem
import LinuxTesting

/// A host for input that may ask for anything: network, file system and /proc/sys of the machine are out of reach.
///
/// Everything that is not shown read-only is an empty file system in memory, so a `dataDir` of "/etc" is harmless.
enum ConfinedHost {
    /// Where the plugins are.
    static var pluginDirectory: String { "/opt/cni/bin" }
    /// The container's network namespace.
    static var containerNamespace: String { "/run/netns/c1" }
    /// host-local's default, on which the bases rely.
    static var dataDirectory: String { "/var/lib/cni/networks" }
    /// flannel's default for what a DEL goes by.
    static var savedDirectory: String { "/var/lib/cni/flannel" }
    /// What flanneld has written.
    static var subnetFile: String { "/run/flannel/subnet.env" }
    /// Where cnitool looks for lists.
    static var listDirectory: String { "/etc/cni/net.d" }

    /// Runs a body on a thread that is confined to a host's network namespace and such a file system.
    static func run(
        _ host: TestHost,
        _ container: TestContainer,
        _ body: @escaping @Sendable () throws -> Void
    ) throws {
        let root = try TemporaryDirectory()
        // The confined thread must not be the last to let go of these: it cannot see the directories they remove.
        defer { withExtendedLifetime((root, host, container)) {} }
        try Threads.run(1) { _ in
            try host.namespace.run {
                Result {
                    try confine(to: root.path, container)
                    try body()
                }
            }.get()
        }
    }

    private static func confine(to root: String, _ container: TestContainer) throws {
        // Debian's reference plugins are linked dynamically.
        var views = ["/lib", "/lib64", "/usr/lib"].filter { Directory.exists($0) }.map { ($0, $0) }
        views += [
            (BuiltProducts.directory, pluginDirectory), ("/dev/null", "/dev/null"),
            (container.namespace.path, containerNamespace),
        ]
        let strings = views.map { (strdup($0.0), strdup($0.1)) }
        defer {
            for (source, target) in strings {
                free(source)
                free(target)
            }
        }
        let entries = strings.map { source, target in
            cprocess_view(source: source, target: target, writable: 0)
        }
        let result = cprocess_confine(root, entries, entries.count)
        guard result == 0 else { throw SystemCallError("confine", on: root, ErrorNumber(rawValue: -result)) }
        for directory in [dataDirectory, listDirectory, "/tmp", "/run/cni", "/run/flannel"] {
            try Directory.create(directory, mode: 0o755)
        }
        let subnet = """
            FLANNEL_NETWORK=10.244.0.0/16
            FLANNEL_SUBNET=10.244.1.1/24
            FLANNEL_MTU=1450
            FLANNEL_IPMASQ=true

            """
        try File.create(subnetFile, with: Array(subnet.utf8), mode: 0o644)
        try File.create("/etc/resolv.conf", with: Array("nameserver 10.80.0.1\nsearch a.example\n".utf8))
    }
}
