// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CNI
internal import CNIRuntime

extension CNITool {
    /// `cnitool check`.
    struct Check: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                abstract: "Verify that a namespace is still attached as ADD left it.",
                discussion: """
                    Needs a network of version 0.4.0 or later and the cached result of ADD, which containerd, CRI-O, \
                    Podman and nerdctl leave, too: with "--container-id" their containers can be checked.
                    """
            )
        }

        @OptionGroup var network: NetworkOptions
        @OptionGroup var container: ContainerOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let list = try network.findNetwork()
            let attachment = try container.attachment()
            try network.runtime.check(attachment, in: list)
            guard output.isForReading else { return }
            Terminal.write(
                list.checkDisabled
                    ? "Network \(list.name) has disableCheck: nothing was checked."
                    : "\(attachment.id) is attached to network \(list.name) as it should be."
            )
        }
    }

    /// `cnitool del`.
    struct Delete: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "del",
                abstract: "Detach a namespace from a network: run DEL of every plugin, last first.",
                discussion: """
                    May be repeated, and works when the namespace is gone already. Stops at the first plugin that \
                    fails; run it again once the cause is removed.
                    """
            )
        }

        @OptionGroup var network: NetworkOptions
        @OptionGroup var container: ContainerOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let list = try network.findNetwork()
            let attachment = try container.attachment()
            try network.runtime.delete(attachment, from: list)
            if output.isForReading { Terminal.write("Detached \(attachment.id) from network \(list.name).") }
        }
    }
}
