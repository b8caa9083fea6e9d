// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import FlannelEnvironment
internal import IPAddresses
internal import JSON

/// The network configuration of this plugin, validated.
struct FlannelConfiguration {
    /// Where flanneld says which subnet is this machine's.
    let daemon: DaemonFiles
    /// `delegate`.
    private let delegate: JSONObject
    /// `ipam`.
    private let ipam: JSONObject
    /// The elements of `ipam.routes`.
    private let routes: [JSONValue]
    private let network: NetworkConfiguration

    /// Reads and validates.
    ///
    /// - Throws: ``CNIError`` with code 7 that names the key.
    init(_ configuration: NetworkConfiguration) throws(CNIError) {
        network = configuration
        do throws(JSONError) {
            let root = configuration.root
            daemon = DaemonFiles(subnetFile: try root.path("subnetFile") ?? SubnetVariables.defaultPath)
            _ = try SavedConfigurations.directory(of: configuration)
            let delegate = JSONNode(try root["delegate"]?.object().value ?? [:], path: "delegate")
            self.delegate = try delegate.object()
            for key in ["name", "ipam"] where self.delegate[key] != nil {
                throw JSONError(at: delegate.path(of: key), "is set by flannel, must not be there")
            }
            // A null is no type either: only an absent key has a default.
            if let type = self.delegate["type"] {
                try JSONNode(type, path: delegate.path(of: "type")).requirePluginType()
            }
            let ipam = JSONNode(try root["ipam"]?.object().value ?? [:], path: "ipam")
            self.ipam = try ipam.object()
            if let type = self.ipam["type"] { try JSONNode(type, path: ipam.path(of: "type")).requirePluginType() }
            var routes: [JSONValue] = []
            for route in try ipam["routes"]?.elements() ?? [] {
                _ = try route.requiredMember("dst").string()
                routes.append(route.value)
            }
            self.routes = routes
            _ = try configuration.runtimeConfiguration?.object()
        } catch { throw CNIError(error) }
    }

    /// What the delegate gets: `delegate`, completed with what flanneld says.
    ///
    /// What the delegate is told explicitly stays, but for the ranges: these are flanneld's to say.
    func rendered(with environment: SubnetEnvironment) -> DelegateConfiguration {
        var document = delegate
        if let runtimeConfiguration = network.runtimeConfiguration {
            document["runtimeConfig"] = runtimeConfiguration.value
        }
        document["name"] = .string(network.name)
        let type = document["type"]?.string ?? "bridge"
        document["type"] = .string(type)
        // Somebody must hide the containers' addresses from the world: if flanneld does not, the delegate does.
        document.fill("ipMasq", .boolean(!environment.isMasquerading))
        document.fill("mtu", .integer(Int64(environment.mtu)))
        if type == "bridge" { document.fill("isGateway", true) }
        if let version = network.root["cniVersion"]?.value.string, !version.isEmpty {
            document["cniVersion"] = .string(version)
        }
        document["ipam"] = .object(renderedIPAM(with: environment))
        return DelegateConfiguration(type: type, document: document)
    }

    private func renderedIPAM(with environment: SubnetEnvironment) -> JSONObject {
        var object = ipam
        object.fill("type", "host-local")
        object["ranges"] = .array(
            environment.subnets.map { .array([.object(JSONObject([("subnet", .string($0.description))]))]) }
        )
        // Through the overlay to all other machines, also where the default route leads elsewhere.
        object["routes"] = .array(
            routes + environment.networks.map { .object(JSONObject([("dst", .string($0.description))])) }
        )
        return object
    }
}

/// A configuration for the plugin that does the work.
struct DelegateConfiguration {
    /// The delegate's executable.
    let type: String
    /// The whole document.
    var document: JSONObject

    /// Describes a configuration whose type is known.
    init(type: String, document: JSONObject) {
        self.type = type
        self.document = document
    }

    /// Reads one that was rendered before; nil when the document is none.
    init?(_ document: JSONObject) {
        guard let type = document["type"]?.string, !type.isEmpty, type != FlannelPlugin.name else { return nil }
        self.init(type: type, document: document)
    }

    /// The same configuration with the result of the ADD, when there is one, in this configuration's version.
    ///
    /// The network's version may have been edited since.
    func adding(previousResult: NetworkResult?) -> DelegateConfiguration {
        guard let previousResult, let version = SpecVersion.configured(document["cniVersion"]?.string) else {
            return self
        }
        var copy = self
        copy.document["prevResult"] = previousResult.document(version: version)
        return copy
    }
}

extension JSONNode {
    /// A path that can be opened; nil when the key is absent or empty.
    func path(_ key: String) throws(JSONError) -> String? {
        guard let node = self[key] else { return nil }
        let path = try node.string()
        guard !path.utf8.contains(0) else { throw node.invalid("is not a path") }
        return path.isEmpty ? nil : path
    }

    /// Refuses what names no plugin, or this one, which would start itself without end.
    fileprivate func requirePluginType() throws(JSONError) {
        let type = try string()
        guard !type.isEmpty, type != FlannelPlugin.name else {
            throw invalid("is \"\(type)\", must be the name of another plugin")
        }
    }
}

extension JSONObject {
    /// The object as a value.
    fileprivate var value: JSONValue { .object(self) }

    /// Sets what is not there yet; a null is there.
    fileprivate mutating func fill(_ key: String, _ value: JSONValue) {
        if self[key] == nil { self[key] = value }
    }
}
