// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CNI
internal import CNIRuntime
internal import JSON
internal import LinuxSystem

extension CNITool {
    /// `cnitool list`.
    struct List: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                abstract: "Show the attachments in the result cache, of one network or of all.",
                discussion: """
                    An attachment whose namespace is gone was not detached properly: \"cnitool gc\" removes it, and \
                    \"cnitool del\" with the namespace's former path, and \"--container-id\" if a runtime made it.
                    """
            )
        }

        @Argument(help: "Show only this network's attachments.")
        var network: String?
        @OptionGroup var caching: CacheOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let listing = try caching.cache.list(network: network)
            for warning in listing.warnings { Terminal.complain("cnitool: warning: \(warning)") }
            guard output.isForReading else {
                return Terminal.write(.array(listing.attachments.map(List.document)))
            }
            guard !listing.attachments.isEmpty else {
                return Terminal.write("No attachments in \(caching.cache.directory).")
            }
            let heading = ["NETWORK", "CONTAINER", "INTERFACE", "NAMESPACE", "", "ADDRESSES"]
            Terminal.write(
                table: [heading]
                    + listing.attachments.map { attachment in
                        [
                            attachment.network, attachment.id.containerID, attachment.id.interfaceName,
                            attachment.namespacePath ?? "-", List.state(attachment),
                            attachment.addresses.joined(separator: " "),
                        ]
                    }
            )
        }

        private static func document(_ attachment: CachedAttachment) -> JSONValue {
            [
                "network": .string(attachment.network), "containerID": .string(attachment.id.containerID),
                "ifname": .string(attachment.id.interfaceName),
                "netns": attachment.namespacePath.map { .string($0) } ?? .null,
                "netnsExists": .boolean(exists(attachment)), "addresses": .strings(attachment.addresses),
            ]
        }

        private static func state(_ attachment: CachedAttachment) -> String {
            attachment.namespacePath == nil ? "not known" : exists(attachment) ? "exists" : "gone"
        }

        private static func exists(_ attachment: CachedAttachment) -> Bool {
            guard let path = attachment.namespacePath else { return false }
            // Opening it also tells a namespace from the plain file that a lost mount leaves behind.
            return (try? NetworkNamespace.open(path)) != nil
        }
    }
}
