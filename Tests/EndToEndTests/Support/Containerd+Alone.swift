// swift-cni, SPDX-License-Identifier: Apache-2.0

import LinuxTesting

extension Containerd {
    /// Where libraries of containerd's look for network lists and plugins when nobody says otherwise.
    ///
    /// They are of the machine below; who runs a container sees the test's in their places.
    private static var standardPlaces: String {
        """
        set -e
        mount --make-rprivate /
        mkdir -p /run/etc /run/etc.work /run/etc/cni/net.d
        mount -t overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/etc.work none /etc
        mount -t tmpfs none /opt
        mkdir -p /opt/cni/bin
        mount --bind \(BuiltProducts.directory) /opt/cni/bin
        exec "$@"
        """
    }

    /// Puts a network list where libcni looks for it.
    func installNetwork(_ list: String) throws {
        try host.run(
            "install",
            "-D",
            "-m",
            "644",
            list,
            "/run/etc/cni/net.d/00-\(list.split(separator: "/").last ?? "")"
        )
    }

    /// Runs a container until it ends, attached to the first network by libcni itself, as nerdctl and ctr do.
    ///
    /// - Returns: What it printed.
    func runAlone(_ name: String, _ words: [String]) throws -> String {
        let command = [
            "ctr", "-a", "/run/containerd.sock", "-n", "k8s.io", "run", "--rm", "--cni", "--cgroup",
            "\(group.path)/\(name)", Self.image, name,
        ]
        let surroundings = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", Self.standardPlaces, "sh"]
        return try Command.run(host.entering(surroundings + command + words))
    }
}
