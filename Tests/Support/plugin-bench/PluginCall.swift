// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LinuxSystem

/// A directory of plugins, and whose it is.
struct PluginDirectory {
    let side: Side
    let path: String

    /// A call of one of the plugins, as a container runtime makes it.
    ///
    /// - Parameter namespace: The path of the container's network namespace.
    func call(
        _ plugin: String,
        _ verb: String,
        container: String,
        interface: String = "eth0",
        namespace: String,
        configuration: String
    ) throws -> MeasuredProgram {
        try MeasuredProgram(
            "\(path)/\(plugin)",
            environment: [
                "CNI_COMMAND=\(verb)", "CNI_CONTAINERID=\(container)", "CNI_IFNAME=\(interface)",
                "CNI_NETNS=\(namespace)", "CNI_PATH=\(path)", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            ],
            input: configuration
        )
    }
}

extension NetworkNamespace {
    /// A path by which the plugins can open this namespace while this program holds it.
    var path: String { "/proc/\(getpid())/fd/\(rawDescriptor)" }
}
