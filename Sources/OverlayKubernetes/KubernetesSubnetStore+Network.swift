// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import KubernetesClient
internal import LinuxSystem
public import Overlay
internal import Synchronization

extension KubernetesSubnetStore {
    /// The network's configuration, of the families that the cluster has given this node subnets of.
    ///
    /// It is in a file, which a ConfigMap brings to each node. A cluster that got its second family later has nodes with one
    /// subnet, which stays so until they are made anew: they go on with that.
    ///
    /// - Throws: `notConfigured` without the file, what is wrong in it, and for both families `storeUnavailable` as long as
    ///   the API has told nothing of this node.
    public func networkConfiguration() async throws(OverlayError) -> NetworkConfiguration {
        let configuration = try configurationInFile()
        guard configuration.families.families.count > 1 else {
            state.withLock { $0.missingFamilies = [] }
            return configuration
        }
        do throws(OverlayError) {
            let missing = Self.families(of: configuration, missingFrom: try await requiredNode())
            state.withLock { $0.missingFamilies = missing }
            return configuration.without(missing)
        } catch {
            // A running node does not become another one because the API is away.
            if let known = state.withLock({ $0.missingFamilies }) { return configuration.without(known) }
            guard error.code == .notGranted else { throw error }
            return configuration
        }
    }

    /// Whether the node has a subnet of a family that it had none of before.
    func isFamilyNew(_ node: Node) -> Bool {
        let missing = state.withLock { $0.missingFamilies } ?? []
        return !missing.isEmpty && (try? node.subnets()).map { given in missing.contains { given[$0] != nil } } ?? false
    }

    /// What this node does without, in words.
    var missingFamilyTexts: [String] {
        let (missing, name) = state.withLock { ($0.missingFamilies ?? [], $0.nodeName ?? "") }
        return missing.map {
            "serves no \($0): node \(name) has no \($0) podCIDR; a node gets one when it is made anew (kubectl delete node, "
                + "and restart its kubelet)"
        }
    }

    /// The families that the cluster has given a node nothing of; none as long as it has given nothing at all, which is
    /// waited for.
    private static func families(of configuration: NetworkConfiguration, missingFrom node: Node) -> [AddressFamily] {
        let all = configuration.families.families
        guard let given = try? node.subnets() else { return [] }
        let missing = all.filter { given[$0] == nil }
        return missing.count < all.count ? missing : []
    }

    private func configurationInFile() throws(OverlayError) -> NetworkConfiguration {
        let path = options.networkConfigurationFile
        let contents: [UInt8]?
        do throws(SystemCallError) { contents = try File.contentsIfPresent(of: path, limit: 1 << 20) } catch {
            throw OverlayError(.localFile, error, advice: "the network's configuration is there")
        }
        guard let contents else {
            throw OverlayError(
                .notConfigured,
                "\(path) is missing",
                advice:
                    "is the ConfigMap with net-conf.json mounted there, or is the file elsewhere (--net-config-path)?"
            )
        }
        do throws(OverlayError) { return try NetworkConfiguration(parsing: contents) } catch {
            throw OverlayError(error.code, "\(path): \(error.message)", advice: error.advice)
        }
    }
}

extension NetworkConfiguration {
    /// The same without some families.
    fileprivate func without(_ families: [AddressFamily]) -> NetworkConfiguration {
        var copy = self
        for family in families { copy.families[family] = nil }
        return copy
    }
}
