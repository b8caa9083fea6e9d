// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CNI
internal import CNIRuntime
internal import ContainerNetwork
internal import FirewallPlugin
internal import HostLocalStore
internal import JSON
internal import LinuxSystem
internal import NFTables
internal import PortmapPlugin

extension CNITool {
    /// `cnitool prune`.
    struct Prune: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                abstract: "Remove packet filter rules of swift-cni's plugins whose attachments are gone.",
                discussion: """
                    For a host on which other plugins are used again: their DEL removes link and address of a container \
                    that swift-cni's plugins attached, but not its elements of the nf_tables tables "inet cni", \
                    "inet cni_portmap" and "bridge cni". An attachment is in use as long as it has a link on this host, \
                    an address of host-local, or a result in the cache.
                    """
            )
        }

        @Flag(name: .customLong("dry-run"), help: "Only show what would be removed.")
        var isDryRun = false

        @Option(
            name: .customLong("data-dir"),
            parsing: .upToNextOption,
            help: ArgumentHelp(
                "Further dataDir of host-local, besides \(ReservationStore.defaultDataDirectory).",
                valueName: "directory"
            )
        )
        var dataDirectories: [String] = []

        @OptionGroup var caching: CacheOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            for directory in dataDirectories where !Directory.exists(directory) {
                throw RuntimeError(.invalidEnvironment, "--data-dir \(directory) is not a directory")
            }
            for warning in try caching.cache.list().warnings { Terminal.complain("cnitool: warning: \(warning)") }
            let pruned: [PrunedAttachment]
            do { pruned = try prune() } catch { throw RuntimeError(error) }
            guard output.isForReading else { return Terminal.write(.array(pruned.map(\.document))) }
            if pruned.isEmpty { return Terminal.write("Nothing to prune.") }
            for attachment in pruned {
                Terminal.write("\(isDryRun ? "Would remove" : "Removed") \(attachment).")
            }
        }

        private func prune() throws(CNIError) -> [PrunedAttachment] {
            guard let ruleset = try OwnedRuleset.openIfAvailable() else { return [] }
            let directories = [ReservationStore.defaultDataDirectory] + dataDirectories
            let findGone = { (owners: Set<ElementOwner>) throws(CNIError) -> Set<ElementOwner> in
                let living = try LivingAttachments(dataDirectories: directories, cache: caching.cache)
                let alive = Set(owners.filter(living.contains).map(\.identity))
                return owners.filter { !alive.contains($0.identity) }
            }
            return PrunedAttachment.all(
                in: try PortmapPlugin.prune(ruleset, isDryRun: isDryRun, findGone)
                    + FirewallPlugin.prune(ruleset, isDryRun: isDryRun, findGone)
            )
        }
    }
}

/// An attachment that was gone, with what it had left.
private struct PrunedAttachment: CustomStringConvertible {
    let owner: ElementOwner
    /// How many elements of which set.
    let counts: [(set: String, count: Int)]

    /// The owners of elements, by their names.
    static func all(in elements: [PlacedElement]) -> [PrunedAttachment] {
        var sets: [String: (owner: ElementOwner, names: [String])] = [:]
        for placed in elements {
            guard let owner = placed.owner else { continue }
            sets[owner.identity, default: (owner, [])].names.append("\(placed.set.table) \(placed.set.name)")
        }
        return sets.values.sorted { $0.owner.names < $1.owner.names }
            .map { owner, names in
                PrunedAttachment(
                    owner: owner,
                    counts: Set(names).sorted().map { name in (name, names.filter { $0 == name }.count) }
                )
            }
    }

    /// "network/interface/container: inet cni masquerade4".
    var description: String {
        let elements = counts.map { $0.count == 1 ? $0.set : "\($0.set) (\($0.count))" }.joined(separator: ", ")
        return "\(owner.names): \(elements)"
    }

    var document: JSONValue {
        var object = JSONObject([("identity", .string(owner.identity)), ("names", .string(owner.names))])
        if let identity = owner.attachment {
            object["network"] = .string(identity.network)
            object["containerID"] = .string(identity.attachment.containerID)
            object["ifname"] = .string(identity.attachment.interfaceName)
        }
        object["elements"] = .object(JSONObject(counts.map { ($0.set, .integer(Int64($0.count))) }))
        return .object(object)
    }
}
