// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CNI
internal import CNIRuntime

extension CNITool {
    /// `cnitool gc`.
    struct GarbageCollect: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "gc",
                abstract: "Detach every attachment of a network that is not named as still in use.",
                discussion: """
                    Name each attachment to keep with --keep, as \"cnitool list\" shows them; attachments of other \
                    runtimes on this host count as well: what is not named loses its network. --all says that nothing \
                    is in use. Without either, nothing is done.
                    """
            )
        }

        @OptionGroup var network: NetworkOptions
        @Argument(help: "Not used; accepted for compatibility.")
        var netns: String?

        @Option(
            name: .customLong("keep"),
            help: ArgumentHelp("An attachment that is in use; may be repeated.", valueName: "container-id/ifname")
        )
        var kept: [String] = []

        @Flag(name: .customLong("all"), help: "Nothing is in use: detach every attachment of the network.")
        var collectsAll = false

        @OptionGroup var output: OutputOptions

        func validate() throws {
            if collectsAll && !kept.isEmpty { throw ValidationError("--all and --keep exclude each other.") }
            if !collectsAll && kept.isEmpty {
                throw ValidationError(
                    "gc detaches what is not named: name every attachment in use with --keep CONTAINERID/IFNAME"
                        + " (\"cnitool list \(network.network)\" shows them), or say --all if none is in use."
                )
            }
        }

        func run() throws {
            var attachments: Set<AttachmentID> = []
            for text in kept { attachments.insert(try GarbageCollect.attachment(text)) }
            let list = try network.findNetwork()
            let known = Set(try network.caching.cache.list(network: list.name).attachments.map(\.id))
            for id in attachments.subtracting(known).map(\.description).sorted() {
                // Another runtime may keep its results elsewhere; or the name is misspelt.
                Terminal.complain("cnitool: warning: --keep \(id) is not in \(network.caching.cache.directory)")
            }
            let collection = try network.runtime.collectGarbage(of: list, keeping: attachments)
            guard output.isForReading else { return }
            if list.garbageCollectionDisabled {
                return Terminal.write("Network \(list.name) has disableGC: nothing was done.")
            }
            for id in collection.detached { Terminal.write("Detached \(id).") }
            if collection.detached.isEmpty { Terminal.write("No cached attachment had to be detached.") }
            let plugins = list.plugins.map(\.type).joined(separator: ", ")
            Terminal.write(
                collection.ranPlugins
                    ? "The plugins were asked to collect what they hold: \(plugins)."
                    : "Network \(list.name) has version \(list.version), which has no GC: the plugins were not asked."
            )
        }

        private static func attachment(_ text: String) throws(RuntimeError) -> AttachmentID {
            let sides = text.split(separator: "/", omittingEmptySubsequences: false)
            guard sides.count == 2 else {
                throw RuntimeError(
                    .invalidEnvironment,
                    "--keep \"\(text)\" is not CONTAINERID/IFNAME, such as cnitool-0123456789abcdef0123/eth0"
                )
            }
            // The same rules as for an attachment to be made: a misspelt name would detach what it meant to keep.
            return try Attachment(AttachmentID(containerID: String(sides[0]), interfaceName: String(sides[1]))).id
        }
    }
}
