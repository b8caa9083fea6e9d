// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import CNIPlugin
internal import JSON

extension FlannelPlugin {
    /// Has the delegate verify the attachment, against what it got at ADD and what came of it.
    public func check(_ request: CheckRequest) throws(CNIError) {
        let configuration = try FlannelConfiguration(request.configuration)
        _ = try request.requiredPreviousResult()
        var delegate: DelegateConfiguration
        if let saved = try SavedConfigurations(request.configuration).find(request.identity)?.delegate {
            delegate = saved
        } else {
            delegate = configuration.rendered(with: try configuration.daemon.environment())
            request.diagnostics.warn("nothing is saved for \(request.attachment); CHECK goes by what ADD would do now")
        }
        // The version may have been raised since, and with it the result's: CHECK is one of the newer verbs.
        delegate.document["cniVersion"] = .string(request.configuration.version.description)
        delegate.document["prevResult"] = request.configuration.root["prevResult"]?.value
        try request.run(delegate)
    }
}
