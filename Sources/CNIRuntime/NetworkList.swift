// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import JSON

/// A network as an administrator configured it: a name, a version, and plugins that work one after the other.
public struct NetworkList: Hashable, Sendable {
    /// The network's name.
    public let name: String
    /// The version the plugins are asked to speak, as written; empty when the configuration has none (0.1.0).
    public let versionText: String
    /// The same as a number; may be newer than any this project knows.
    public let version: SpecVersion
    /// Whether CHECK is to succeed without asking the plugins.
    public let checkDisabled: Bool
    /// Whether garbage collection is to do nothing, as on hosts where several runtimes share the network.
    public let garbageCollectionDisabled: Bool
    /// Whether plugins come from the list alone, not also from the drop-in directory.
    public let loadsOnlyInlinedPlugins: Bool
    /// The plugins in the order of ADD.
    public internal(set) var plugins: [PluginConfiguration]
    /// The document the list was read from, without drop-ins, for the result cache.
    public let source: [UInt8]

    /// Reads a list.
    ///
    /// - Parameter source: The text of the document, as it goes into the result cache.
    /// - Throws: ``CNIError`` with code 7 that names the member, or 1 when no version of the list is known here.
    public init(document: JSONValue, source: [UInt8]) throws(CNIError) {
        self.source = source
        do throws(JSONError) {
            let root = JSONNode(document)
            name = try root.requiredMember("name").string()
            if let problem = Identifier.problem(withNetworkName: name) {
                throw JSONError(at: "name", "\"\(name)\" \(problem)")
            }
            (versionText, version) = try NetworkList.selectVersion(root)
            checkDisabled = try root["disableCheck"]?.flexibleBoolean() ?? false
            garbageCollectionDisabled = try root["disableGC"]?.flexibleBoolean() ?? false
            loadsOnlyInlinedPlugins = try root["loadOnlyInlinedPlugins"]?.flexibleBoolean() ?? false
            var plugins: [PluginConfiguration] = []
            if let inlined = root["plugins"] {
                for element in try inlined.elements() { plugins.append(try PluginConfiguration(element)) }
                if plugins.isEmpty { throw inlined.invalid("is empty, must hold at least one plugin") }
            } else if loadsOnlyInlinedPlugins {
                throw JSONError(at: "plugins", "is required but missing, as loadOnlyInlinedPlugins is true")
            }
            self.plugins = plugins
        } catch { throw CNIError(error) }
    }

    /// Makes a list of a single-plugin configuration, the form of `.conf` files before CNI 1.0.
    public init(singlePlugin document: JSONValue) throws(CNIError) {
        let plugin: PluginConfiguration
        do { plugin = try PluginConfiguration(JSONNode(document)) } catch { throw CNIError(error) }
        var list = JSONObject()
        for key in ["name", "cniVersion", "cniVersions", "disableCheck", "disableGC"] {
            list[key] = plugin.document[key]
        }
        list["plugins"] = .array([.object(plugin.document)])
        let document = JSONValue.object(list)
        try self.init(document: document, source: document.text(.indented))
    }

    /// The highest listed version that is known here; a lone `cniVersion` is taken as it is.
    private static func selectVersion(_ root: JSONNode) throws(JSONError) -> (String, SpecVersion) {
        var candidates: [(text: String, version: SpecVersion)] = []
        if let node = root["cniVersion"] {
            let text = try node.string()
            if !text.isEmpty { candidates.append((text, try node.specVersion())) }
        }
        let alone = candidates.first
        for node in try root["cniVersions"]?.elements() ?? [] {
            candidates.append((try node.string(), try node.specVersion()))
        }
        if let best = candidates.filter({ $0.version <= .newest }).max(by: { $0.version < $1.version }) { return best }
        // The plugins know best which versions they refuse.
        if let alone { return alone }
        guard candidates.isEmpty else {
            throw JSONError(
                at: "cniVersions",
                "holds only versions newer than \(SpecVersion.newest): \(candidates.map(\.text))"
            )
        }
        return ("", .v0_1_0)
    }
}

/// The configuration of one plugin of a list.
public struct PluginConfiguration: Hashable, Sendable {
    /// The object as it was read.
    public let document: JSONObject
    /// The name of the plugin's executable.
    public let type: String
    /// The capabilities the configuration asks for: those it marks true.
    public let capabilities: Set<String>

    init(_ node: JSONNode) throws(JSONError) {
        document = try node.object()
        type = try node.requiredMember("type").string()
        if type.isEmpty { throw JSONError(at: node.path(of: "type"), "is empty, must name a plugin") }
        var capabilities: Set<String> = []
        if let object = try node["capabilities"]?.object() {
            for member in object.members where member.value == .boolean(true) { capabilities.insert(member.key) }
        }
        self.capabilities = capabilities
    }
}

extension JSONNode {
    /// A boolean, or "true" or "false" in any case: template engines write strings.
    fileprivate func flexibleBoolean() throws(JSONError) -> Bool {
        switch value {
        case .boolean(let value): return value
        case .string(let text):
            switch text.lowercased() {
            case "true": return true
            case "false": return false
            default: break
            }
        default: break
        }
        throw invalid("must be true or false, or one of these as a string")
    }

    /// A version in text.
    fileprivate func specVersion() throws(JSONError) -> SpecVersion {
        let text = try string()
        guard let version = SpecVersion(text) else { throw invalid("is \"\(text)\", must be a version such as 1.0.0") }
        return version
    }
}
