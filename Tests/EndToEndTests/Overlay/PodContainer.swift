// swift-cni, SPDX-License-Identifier: Apache-2.0

import JSON
import LinuxSystem
import LinuxTesting
import Testing

/// A container of the manifest's pod as kubelet and runtime would start it on a node of a test: with the root file system, the
/// mounts, the environment and the capabilities that it has there, and no others.
///
/// What is left out is the filter of system calls.
struct PodContainer {
    /// What makes the pod's surroundings beside the manifest.
    struct Surroundings {
        /// The files of the service account.
        let account: String
        /// Where ConfigMaps are, a directory by the name of each.
        let configurations: String
        /// Which node it is on.
        let node: String
    }

    /// `command` and `args`.
    let words: [String]
    /// `NAME=value`.
    let environment: [String]
    /// Those that it has, without `CAP_`.
    let capabilities: [String]
    /// "ro:" or "rw:", a directory of the node, ":", and where the container sees it.
    let mounts: [String]
    /// The name of the image.
    let image: String

    /// - Parameter capabilities: Instead of those that the manifest adds.
    init(_ container: JSONNode, of pod: JSONNode, _ surroundings: Surroundings, capabilities: [String]? = nil) throws {
        words = try container.requiredMember("command").strings() + container.requiredMember("args").strings()
        var environment = [
            "PATH=/opt/bin:/opt/swift-cni/bin", "HOSTNAME=\(surroundings.node)",
            "KUBERNETES_SERVICE_HOST=\(OverlayCluster.serverAddress)", "KUBERNETES_SERVICE_PORT=6443",
        ]
        for variable in try container["env"]?.elements() ?? [] {
            let path = try variable.requiredMember("valueFrom").requiredMember("fieldRef").requiredMember("fieldPath")
            guard try path.string() == "spec.nodeName" else { throw TestFailure("\(path.path) is not provided") }
            environment.append("\(try variable.requiredMember("name").string())=\(surroundings.node)")
        }
        self.environment = environment
        image = try container.requiredMember("image").string()
        let context = try container.requiredMember("securityContext")
        let restrictions = try context.requiredMember("capabilities")
        guard try context.requiredMember("readOnlyRootFilesystem").boolean(),
            try !context.requiredMember("allowPrivilegeEscalation").boolean(),
            try !context.requiredMember("privileged").boolean(),
            try restrictions.requiredMember("drop").strings() == ["ALL"]
        else { throw TestFailure("\(context.path): a container of that kind is not made here") }
        self.capabilities = try capabilities ?? restrictions.requiredMember("add").strings()
        var mounts = ["ro:\(surroundings.account):/var/run/secrets/kubernetes.io/serviceaccount"]
        let volumes = try pod.requiredMember("volumes").elements()
        for mount in try container["volumeMounts"]?.elements() ?? [] {
            let name = try mount.requiredMember("name").string()
            let volume = try #require(volumes.first { $0["name"]?.value == .string(name) })
            let target = try mount.requiredMember("mountPath").string()
            if let map = volume["configMap"] {
                mounts.append("ro:\(surroundings.configurations)/\(try map.requiredMember("name").string()):\(target)")
            } else {
                let path = try volume.requiredMember("hostPath").requiredMember("path").string()
                mounts.append("rw:\(Self.path(onNode: path)):\(target)")
            }
        }
        self.mounts = mounts
    }

    /// Where a directory of a real node is on a node of a test, whose `/etc` and `/opt` are those of the machine below.
    static func path(onNode path: String) -> String {
        switch path {
        case "/etc/cni/net.d": "/run/cni/net.d"
        case "/opt/cni/bin": "/run/cni/bin"
        default: path
        }
    }

    /// The command line that becomes the container's process.
    ///
    /// - Parameter instead: What is executed in the container instead of its command.
    func starting(_ instead: [String]? = nil) -> [String] {
        let script = """
            set -e
            products=$1 version=$2 capabilities=$3 path=$PATH; shift 3
            PATH=/usr/sbin:/usr/bin:/sbin:/bin
            show() { : > "$2"; mount --bind "$1" "$2"; }
            root=$(mktemp -d /run/rootXXXXXX)
            mount --make-rprivate /
            mount -t tmpfs -o mode=755 none "$root"
            cd "$root"
            mkdir -p usr/lib usr/lib64 proc sys dev opt/bin opt/swift-cni/bin etc
            for name in lib lib64; do ln -s "usr/$name" "$name"; mount --rbind "/usr/$name" "usr/$name"; done
            echo 'hosts: files dns' > etc/nsswitch.conf
            for name in bridge firewall flannel host-local loopback portmap; do
                show "$products/$name" "opt/swift-cni/bin/$name"
            done
            show "$version" opt/swift-cni/bin/version
            show "$products/flanneld" opt/bin/flanneld
            # What takes the capabilities away, as a runtime does before it executes the command.
            show /usr/bin/setpriv .setpriv
            mount -t tmpfs none dev
            for name in null zero full random urandom; do show "/dev/$name" "dev/$name"; done
            mount --rbind /proc proc
            for name in bus fs irq sys sysrq-trigger; do
                [ -e "proc/$name" ] || continue
                mount --bind "proc/$name" "proc/$name"
                mount -o remount,bind,ro "proc/$name"
            done
            for name in kcore keys timer_list; do [ ! -e "proc/$name" ] || mount --bind /dev/null "proc/$name"; done
            mount -t sysfs -o ro none sys
            while [ "$1" != -- ]; do
                mode=${1%%:*} target=${1##*:} source=${1#*:} source=${source%:*}
                mkdir -p "$source" ".$target"
                mount --rbind "$source" ".$target"
                [ "$mode" = rw ] || mount -o remount,bind,ro ".$target"
                shift
            done
            shift
            mount -o remount,ro "$root"
            PATH=$path exec /usr/sbin/chroot "$root" /.setpriv --no-new-privs --inh-caps=-all \
                --bounding-set="-all$capabilities" -- "$@"
            """
        let added = capabilities.map { ",+\($0.lowercased())" }.joined()
        return ["/usr/bin/env", "-i"] + environment + ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, "sh"]
            + [BuiltProducts.directory, "\(BuiltProducts.packageRoot)/VERSION", added] + mounts + ["--"]
            + (instead ?? words)
    }
}
