// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import JSON

extension NetworkList {
    /// What one plugin gets on its standard input (specification, section 4, "Deriving request configuration").
    ///
    /// `capabilities` stays in, as in the reference: plugins that run further plugins read it.
    func request(
        to plugin: PluginConfiguration,
        capabilityArguments: JSONObject = JSONObject(),
        previousResult: JSONValue? = nil,
        adding extra: [(String, JSONValue)] = []
    ) -> JSONValue {
        var document = plugin.document
        document.replace("name", .string(name))
        document.replace("cniVersion", .string(versionText.isEmpty ? version.description : versionText))
        if let previousResult { document.replace("prevResult", previousResult) }
        let granted = capabilityArguments.members.filter { plugin.capabilities.contains($0.key) }
        if !granted.isEmpty {
            document.replace("runtimeConfig", .object(JSONObject(granted.map { ($0.key, $0.value) })))
        }
        for (key, value) in extra { document.replace(key, value) }
        return .object(document)
    }
}

extension JSONObject {
    /// Sets a member and removes every other spelling of its key, which a reader that ignores case might prefer.
    fileprivate mutating func replace(_ key: String, _ value: JSONValue) {
        while self[key] != nil { self[key] = nil }
        self[key] = value
    }
}
