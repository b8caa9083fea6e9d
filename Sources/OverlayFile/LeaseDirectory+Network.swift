// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import LinuxSystem
internal import Overlay

extension LeaseDirectory {
    /// Reads `config.json`; where a directory is used for the first time, makes it.
    func networkConfiguration() throws(OverlayError) -> NetworkConfiguration {
        let path = configurationPath
        let read = { () throws(SystemCallError) in try File.contentsIfPresent(of: path) }
        var contents = try reaching(read)
        if contents == nil {
            try createDefaultNetwork()
            contents = try reaching(read)
        }
        guard let contents else { throw OverlayError(.notConfigured, "\(path) is missing", advice: "write it") }
        do throws(OverlayError) {
            let configuration = try NetworkConfiguration(parsing: contents)
            try identity.noteUse(of: options.directory)
            return configuration
        } catch {
            guard error.code == .configuration else { throw error }
            throw OverlayError(.configuration, "\(path): \(error.message)", advice: error.advice)
        }
    }

    /// Makes `config.json` with the default network, if this really is the first use.
    private func createDefaultNetwork() throws(OverlayError) {
        guard !identity.hasUsed(options.directory) else {
            throw OverlayError(
                .storeUnavailable,
                "\(configurationPath) is missing, and this node has used the directory before",
                advice: "is \(options.directory) mounted? to start anew, write the file, or remove the line from "
                    + identity.usedDirectoriesPath
            )
        }
        guard options.createsDefaultNetwork else {
            throw OverlayError(
                .notConfigured,
                "\(configurationPath) is missing",
                advice: "write it, such as {\"Network\": \"10.244.0.0/16\", \"Backend\": {\"Type\": \"vxlan\"}}"
            )
        }
        let text = NetworkConfiguration.defaultText
        try refuseOtherNetwork(than: try NetworkConfiguration(parsing: text))
        let temporary = "\(options.directory)/.config.json.\(identity.node).tmp"
        try reaching { () throws(SystemCallError) in
            try Directory.create(subnetsPath, mode: 0o755)
            try File.remove(temporary)
            try File.write(new: temporary, with: text, mode: 0o644, durability: .powerCut)
            defer { _ = try? File.remove(temporary) }
            do throws(SystemCallError) { try File.link(temporary, to: configurationPath) } catch {
                // Another node made it at the same moment: that one counts.
                guard error.number == .exists else { throw error }
            }
            try Directory.flush(options.directory)
        }
    }

    /// A node that already has a network is not to be moved into another one because a flag was forgotten.
    private func refuseOtherNetwork(than network: NetworkConfiguration) throws(OverlayError) {
        guard let earlier = try SubnetFile(at: options.subnetFile) else { return }
        for family in AddressFamily.allCases {
            let ours = network.families[family].map { [$0.network] } ?? []
            let theirs = earlier.networks[family] ?? []
            guard theirs.isEmpty || theirs == ours else {
                throw OverlayError(
                    .contradiction,
                    "\(options.directory) holds no network yet, and \(options.subnetFile) says that this node is in "
                        + theirs.map(\.description).joined(separator: ", "),
                    advice: "name the store that holds that network with --store (or --etcd-endpoints, "
                        + "--kube-subnet-mgr), or write \(configurationPath)"
                )
            }
        }
    }
}
