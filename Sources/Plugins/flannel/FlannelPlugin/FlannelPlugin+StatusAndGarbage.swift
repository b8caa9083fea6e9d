// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import CNIExecution
public import CNIPlugin
internal import JSON

extension FlannelPlugin {
    /// Whether an ADD could be served: the configuration holds, flanneld has been ready and its data plane is not known to
    /// be broken, and the delegate has nothing against it.
    ///
    /// That flanneld starts again, or has lost its store, is no reason: containers that are attached meanwhile work.
    public func status(_ request: StatusRequest) throws(CNIError) {
        let configuration = try FlannelConfiguration(request.configuration)
        let environment: SubnetEnvironment
        do { environment = try configuration.daemon.environment() } catch { throw error.as(.unavailable) }
        if let status = configuration.daemon.status, status.isDegraded {
            throw CNIError(
                .limitedConnectivity,
                status.description,
                details: "containers on other machines may not be reached until flanneld has repaired that; see its log"
            )
        }
        let delegate = configuration.rendered(with: environment)
        do { try request.run(delegate) } catch {
            switch error.code {
            case .invalidEnvironment, .unknownContainer:
                // The environment is complete and STATUS has no container: only a plugin older than STATUS complains.
                try requireVersion(of: delegate, request)
                request.diagnostics.warn("plugin \(delegate.type) does not know STATUS: \(error)")
            case .delegation, .incompatibleVersion: throw error.as(.unavailable)
            default: throw error
            }
        }
    }

    /// A delegate that does not speak the configuration's version refuses every ADD.
    private func requireVersion(of delegate: DelegateConfiguration, _ request: StatusRequest) throws(CNIError) {
        let version = request.configuration.version.description
        let answer = try? runPlugin(
            delegate.type,
            request.invocation.replacing(verb: .version),
            configuration: ["cniVersion": .string(version)]
        )
        guard let spoken = answer?.document.flatMap({ try? JSONNode($0)["supportedVersions"]?.strings() }),
            !spoken.contains(version)
        else { return }
        throw CNIError(
            .unavailable,
            "plugin \(delegate.type) does not speak version \(version), which the configuration has",
            details:
                "it speaks \(spoken.joined(separator: ", ")); install a newer one, or set \"cniVersions\": [\"1.0.0\"]"
        )
    }

    /// Has the delegate collect, then forgets what was saved for attachments that are not listed.
    public func collectGarbage(_ request: GarbageRequest) throws(CNIError) {
        let saved = SavedConfigurations(of: request)
        let files = try saved.all(of: request.configuration.name)
        let consequence = files.isEmpty ? "no plugin is asked to collect" : "what was saved by an ADD is used"
        // After a reboot, before flanneld is ready again, there are saved configurations only.
        guard
            var delegate = request.renderIfPossible(otherwise: consequence) ?? files.lazy.compactMap(\.delegate).first
        else { return }
        delegate.document["cniVersion"] = .string(request.configuration.version.description)
        for key in ["cni.dev/valid-attachments", "cni.dev/attachments"] {
            delegate.document[key] = request.configuration.root[key]?.value
        }
        try request.run(delegate)
        for file in files where !file.belongs(to: request.validAttachments) { try saved.remove(file.path) }
    }
}

extension CNIError {
    /// The same failure with another code.
    fileprivate func `as`(_ code: Code) -> CNIError { CNIError(code, message, details: details) }
}
