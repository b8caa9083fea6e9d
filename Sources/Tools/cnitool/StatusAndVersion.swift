// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CNI
internal import CNIRuntime
internal import JSON

extension CNITool {
    /// `cnitool status`.
    struct Status: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                abstract: "Ask a network's plugins whether they can attach containers.",
                discussion: "Before version 1.1.0 plugins cannot be asked: the answer is then always yes."
            )
        }

        @OptionGroup var network: NetworkOptions
        @Argument(help: "Not used; accepted for compatibility.")
        var netns: String?
        @OptionGroup var output: OutputOptions

        func run() throws {
            let list = try network.findNetwork()
            try network.runtime.status(of: list)
            guard output.isForReading else { return }
            Terminal.write(
                list.version.hasGarbageCollectionAndStatus
                    ? "Network \(list.name) is ready: \(list.plugins.map(\.type).joined(separator: ", "))."
                    : "Network \(list.name) has version \(list.version), which has no STATUS: no plugin was asked."
            )
        }
    }

    /// `cnitool version`.
    struct Version: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                abstract: "Show which versions of the CNI specification a network's plugins speak.",
                discussion: "Fails when a plugin is not installed, or does not speak the version the network asks for."
            )
        }

        @OptionGroup var network: NetworkOptions
        @OptionGroup var output: OutputOptions
        @Argument(help: "Accepted for the sake of scripts; not used.") var netns: String?

        func run() throws {
            let list = try network.findNetwork()
            let runtime = network.runtime
            let versions = try runtime.versions(of: list)
            if output.isForReading {
                Terminal.write("Network \(list.name) asks for version \(list.version).")
                Terminal.write(
                    table: [["PLUGIN", "SPEAKS"]]
                        + versions.map { [$0.plugin, $0.supported.joined(separator: " ")] }
                )
            } else {
                Terminal.write([
                    "network": .string(list.name), "cniVersion": .string(list.version.description),
                    "plugins": .array(
                        versions.map { ["type": .string($0.plugin), "supportedVersions": .strings($0.supported)] }
                    ),
                ])
            }
            try runtime.validate(list)
        }
    }
}
