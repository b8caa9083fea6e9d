// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIExecution
internal import JSON

extension Runtime {
    /// Verifies an attachment: CHECK of each plugin in order, with the cached result.
    ///
    /// - Throws: The first plugin's failure, or why nothing can be checked: a version before 0.4.0, no cached result, a
    ///   damaged one. A network that disables checks always passes.
    public func check(_ attachment: Attachment, in network: NetworkList) throws(RuntimeError) {
        guard network.version.hasCheck else {
            throw RuntimeError(
                .incompatibleVersion,
                "network \"\(network.name)\" has version \(network.version), which has no CHECK; 0.4.0 is the first"
            )
        }
        if network.checkDisabled { return }
        let cached: CachedAttachment
        let file = cache.file(network: network.name, attachment.id)
        switch cache.entry(network: network.name, attachment.id) {
        case .present(let entry): cached = entry
        case .absent, .foreign:
            throw RuntimeError(
                .unknownContainer,
                "\(attachment.id) is not attached to network \"\(network.name)\": there is no cached result \(file)"
            )
        case .corrupt(let reason):
            throw RuntimeError(
                .decoding,
                "the cached result of \(attachment.id) in network \"\(network.name)\" is damaged;"
                    + " DEL and ADD make a new one",
                details: "\(file): \(reason)"
            )
        }
        let complete = attachment.completed(by: cached)
        let result: JSONValue
        do throws(JSONError) { result = try Runtime.convert(cached.result, to: network.version) } catch {
            throw RuntimeError(
                .decoding,
                "the cached result of \(attachment.id) in network \"\(network.name)\" is no result;"
                    + " DEL and ADD make a new one",
                details: "\(file): \(error)"
            )
        }
        for (step, plugin) in Runtime.steps(network, .check) {
            let request = network.request(
                to: plugin,
                capabilityArguments: complete.capabilityArguments,
                previousResult: result
            )
            _ = try run(step, request, for: complete)
        }
    }

    /// A cached result in the version the network has now; the same version stays as it is.
    static func convert(_ result: JSONValue, to version: SpecVersion) throws(JSONError) -> JSONValue {
        let decoded = try NetworkResult(decoding: JSONNode(result), version: version)
        let written = result.object?["cniVersion"]?.string ?? ""
        return written == version.description ? result : decoded.document(version: version)
    }
}
