// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CNI
internal import CNIRuntime
internal import Glibc
internal import JSON
internal import LinuxSystem

/// How something is printed.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print JSON also on a terminal.")
    var json = false

    /// Whether a person reads along.
    var isForReading: Bool { !json && Terminal.isStandardOutput }
}

/// Where results are kept.
struct CacheOptions: ParsableArguments {
    @Option(
        name: .customLong("cache-dir"),
        help: ArgumentHelp(
            "Directory of the result cache; the files are in \"results\" below it.",
            valueName: "directory"
        )
    )
    var directory = ResultCache.standardPath

    var cache: ResultCache { ResultCache(directory) }
}

/// The network and what runs its plugins.
struct NetworkOptions: ParsableArguments {
    @Argument(help: "The network's name, as the \"name\" in a file of NETCONFPATH.")
    var network: String

    @OptionGroup var caching: CacheOptions

    /// Finds the network's configuration; files that are skipped on the way are mentioned on standard error.
    func findNetwork() throws(RuntimeError) -> NetworkList {
        let directory = Environment.nonempty("NETCONFPATH") ?? ConfigurationDirectory.standardPath
        let match = try ConfigurationDirectory(directory).network(named: network)
        for warning in match.warnings { Terminal.complain("cnitool: warning: \(warning)") }
        return match.network
    }

    var runtime: Runtime {
        Runtime(
            pluginPath: Environment.nonempty("CNI_PATH") ?? Runtime.standardPluginPath,
            cache: caching.cache,
            environment: ProcessEnvironment.entries,
            notify: { Terminal.complain("cnitool: \($0)") }
        )
    }
}

/// The container: a namespace, an interface in it, and what the plugins are told about it.
struct ContainerOptions: ParsableArguments {
    @Argument(help: "The path of the container's network namespace, such as /run/netns/demo.")
    var netns: String

    @Option(
        name: [.short, .customLong("ifname")],
        help: "Interface name in the container (default: CNI_IFNAME, or eth0)."
    )
    var interface: String?

    @Option(
        name: .customLong("container-id"),
        help: ArgumentHelp(
            "Container ID, such as a runtime's that \"cnitool list\" shows (default: made of the namespace's path).",
            valueName: "id"
        )
    )
    var containerID: String?

    /// The attachment.
    ///
    /// Without a container ID the same path is the same container.
    func attachment() throws(RuntimeError) -> Attachment {
        let path = Path.normalized(Path.absolute(netns))
        return try Attachment(
            AttachmentID(
                containerID: containerID ?? "cnitool-\(SHA512.hash(Array(path.utf8)).hexadecimal.prefix(20))",
                interfaceName: interface ?? Environment.nonempty("CNI_IFNAME") ?? "eth0"
            ),
            namespacePath: path,
            arguments: try ContainerOptions.arguments(),
            capabilityArguments: try ContainerOptions.capabilityArguments()
        )
    }

    /// The pairs of CNI_ARGS; both sides of each must say something.
    private static func arguments() throws(RuntimeError) -> [Attachment.Argument] {
        var arguments: [Attachment.Argument] = []
        guard let text = Environment.nonempty("CNI_ARGS") else { return [] }
        for pair in text.split(separator: ";", omittingEmptySubsequences: false) {
            let sides = pair.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty else {
                throw RuntimeError(
                    .invalidEnvironment,
                    "CNI_ARGS: \"\(pair)\" is not KEY=value; pairs are separated by ';'"
                )
            }
            arguments.append(Attachment.Argument(key: String(sides[0]), value: String(sides[1])))
        }
        return arguments
    }

    /// The object in CAP_ARGS.
    private static func capabilityArguments() throws(RuntimeError) -> JSONObject {
        guard let text = Environment.nonempty("CAP_ARGS") else { return JSONObject() }
        do { return try JSONNode(JSONValue(parsing: text.utf8)).object() } catch {
            throw RuntimeError(CNIError(error, in: "CAP_ARGS"))
        }
    }
}
