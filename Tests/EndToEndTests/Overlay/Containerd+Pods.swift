// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import LinuxSystem
import LinuxTesting

extension Containerd {
    /// A pod that was wanted again and again until it could be had.
    struct PersistentRun: ~Copyable {
        private var question: Question

        fileprivate init(_ question: consuming Question) { self.question = question }

        /// Waits for flanneld to be ready and for the pod, which must come soon.
        ///
        /// - Returns: The pod, and what stood in its way until then.
        mutating func pod(within time: Duration, of node: OverlayNode) throws -> (pod: Pod, complaints: [String]) {
            try node.wait("being ready") { node.isReady }
            let ready = Self.monotonicTime
            let answer = try question.answer()
            let moment = Duration.nanoseconds(try answer.requiredMember("moment").integer())
            guard moment - ready <= time else {
                throw TestFailure("node \(node.number): a pod came only \(moment - ready) after flanneld was ready")
            }
            return (try Pod(answer), try answer.requiredMember("complaints").strings())
        }

        private static var monotonicTime: Duration {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
        }
    }

    /// Begins to ask for a pod until there is one.
    func beginPersistentRun(_ name: String) throws -> PersistentRun {
        PersistentRun(try begin(["persist", Self.image, group.path, name]))
    }

    /// Says which subnet the node has been given.
    func configure(subnet: String) throws { try ask("configure", subnet) }

    /// Whether a pod's sandbox runs.
    func isReady(_ pod: Pod) throws -> Bool { try ask("examine", pod.id).requiredMember("isReady").boolean() }

    /// The name of a pod's network namespace.
    func namespace(of pod: Pod) throws -> String {
        Path.lastComponent(of: try ask("namespace", pod.id).requiredMember("path").string())
    }

    /// The addresses that do not answer a pod.
    func unreachable(_ addresses: [String], from pod: Pod) throws -> String {
        let script = "for address; do ping -c 1 -W 2 $address >/dev/null || echo $address; done"
        return try execute(["sh", "-c", script, "sh"] + addresses, in: pod)
    }

    /// Takes the namespaces of all pods from where containerd finds them.
    func loseNamespaces() throws {
        try host.shell("for file in /run/netns/*; do umount \"$file\"; rm \"$file\"; done")
    }

    /// Does what a reboot does: processes, mounts, devices, rules, and what was in /run are gone.
    ///
    /// Network lists stay: on other machines they are on the disk. The uplink is up again at once.
    func reboot() throws {
        // "All" are neither the first process, which keeps the machine, nor the shell.
        try host.shell(
            """
            kill -KILL -1
            tries=0
            while set -- /proc/[0-9]*; [ $# -gt 2 ]; do
                tries=$((tries + 1))
                [ $tries -lt 500 ]
                sleep 0.01
            done
            # Some are mounted twice; what still is cannot be removed below.
            awk '$2 ~ "^/run/" { print $2 }' /proc/mounts | sort -r | xargs -r umount --quiet || :
            find /run -mindepth 1 -maxdepth 1 ! -name cni ! -name containerd.toml -exec rm -rf {} +
            for device in cni0 flannel.1 flannel-v6.1; do ip link delete $device; done
            nft flush ruleset
            """
        )
    }
}

extension OverlayNode {
    /// Asks a web server, from the node.
    func request(_ url: String) throws -> String {
        // Debian's busybox crashes when it shall time out by itself.
        try host.run("timeout", "5", "busybox", "wget", "-q", "-O", "-", url)
    }
}
