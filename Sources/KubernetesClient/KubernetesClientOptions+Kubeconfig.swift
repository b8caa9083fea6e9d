// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport
internal import JSON
internal import LinuxSystem
internal import YAML

extension KubernetesClientOptions {
    /// Reads a kubeconfig file: its current context's cluster and user.
    ///
    /// - Parameter server: Takes the place of the server that the file names; then the file may name none.
    /// - Throws: `configuration` when the file cannot be used as it is: what is not understood is never left out, since it
    ///   may be about who is trusted.
    public static func kubeconfig(_ path: String, server: String? = nil) throws(KubernetesError)
        -> KubernetesClientOptions
    {
        let contents: [UInt8]
        do throws(SystemCallError) { contents = try File.contents(of: path, limit: 1 << 20) } catch {
            throw KubernetesError(.configuration, "the kubeconfig file cannot be read: \(error)")
        }
        do throws(JSONError) {
            let directory = Path.parent(of: Path.absolute(path))
            let reader = KubeconfigReader(root: JSONNode(try JSONValue(yaml: contents)), directory: directory)
            return try reader.options(server: server)
        } catch { throw KubernetesError(.configuration, "\(path): \(error)") }
    }
}

/// Finds its way through a kubeconfig file.
private struct KubeconfigReader {
    let root: JSONNode
    /// What paths in the file start from.
    let directory: String

    func options(server: String?) throws(JSONError) -> KubernetesClientOptions {
        guard let name = try root.member("current-context")?.string(), !name.isEmpty else {
            throw JSONError(at: "current-context", "is required but missing: which of the contexts is meant?")
        }
        let context = try entry(of: "contexts", named: name, part: "context")
        let clusterName = try context.requiredMember("cluster").string()
        let cluster = try entry(of: "clusters", named: clusterName, part: "cluster")
        var options = KubernetesClientOptions(server: server ?? "")
        if server == nil { options.server = try cluster.requiredMember("server").string() }
        try read(cluster: cluster, into: &options)
        if let userName = try text("user", of: context) {
            try read(user: try entry(of: "users", named: userName, part: "user"), into: &options)
        }
        return options
    }

    private func read(cluster: JSONNode, into options: inout KubernetesClientOptions) throws(JSONError) {
        if let proxy = cluster["proxy-url"] { throw proxy.invalid("is set, and proxies are not supported") }
        options.serverName = try text("tls-server-name", of: cluster)
        options.tls.authority = try pem("certificate-authority", of: cluster)
        options.tls.isServerUnchecked = try cluster.member("insecure-skip-tls-verify")?.boolean() ?? false
        if options.tls.isServerUnchecked, options.tls.authority != nil {
            throw cluster.invalid("names an authority and says insecure-skip-tls-verify; remove one of the two")
        }
    }

    private func read(user: JSONNode, into options: inout KubernetesClientOptions) throws(JSONError) {
        let unsupported = [
            (
                "exec",
                "credential plugins, which run a program, are not supported; use a token, a tokenFile or a certificate"
            ),
            (
                "auth-provider",
                "is not supported, and Kubernetes 1.26 removed it; use a token, a tokenFile or a certificate"
            ),
            ("username", "is not supported, and Kubernetes 1.19 removed it; use a token, a tokenFile or a certificate"),
            ("as", "to act as another user is not supported"), ("as-uid", "to act as another user is not supported"),
            ("as-groups", "to act as another group is not supported"),
            ("as-user-extra", "to act as another user is not supported"),
        ]
        for (key, reason) in unsupported {
            if let member = user[key] { throw member.invalid(reason) }
        }
        // The file is what is kept up to date, so it comes first where both are given.
        if let path = try text("tokenFile", of: user) {
            options.credentials = .tokenFile(resolve(path))
        } else if let token = try text("token", of: user) {
            options.credentials = .token(token)
        }
        options.tls.certificate = try pem("client-certificate", of: user)
        options.tls.privateKey = try pem("client-key", of: user)
        guard (options.tls.certificate == nil) == (options.tls.privateKey == nil) else {
            throw user.invalid("client-certificate and client-key belong together, and only one is given")
        }
    }

    /// The contents of a named entry.
    private func entry(of list: String, named name: String, part: String) throws(JSONError) -> JSONNode {
        for entry in try root.requiredMember(list).elements()
        where try entry.requiredMember("name").string() == name { return try entry.requiredMember(part) }
        throw JSONError(at: list, "has no entry named \"\(name)\"")
    }

    /// What a member says, in itself (`KEY-data`, which comes first) or in the file that it names.
    private func pem(_ key: String, of node: JSONNode) throws(JSONError) -> ClientTLS.PEM? {
        if let text = try text("\(key)-data", of: node) {
            // Encoders break long lines.
            let compact = String(decoding: text.utf8.filter { $0 > 0x20 }, as: UTF8.self)
            guard let bytes = Base64.decode(compact) else {
                throw JSONError(at: node.path(of: "\(key)-data"), "is not in base 64")
            }
            return .text(bytes, name: node.path(of: "\(key)-data"))
        }
        return try text(key, of: node).map { .file(resolve($0)) }
    }

    /// A text; what is empty counts as absent.
    private func text(_ key: String, of node: JSONNode) throws(JSONError) -> String? {
        guard let text = try node.member(key)?.string(), !text.isEmpty else { return nil }
        return text
    }

    private func resolve(_ path: String) -> String { path.hasPrefix("/") ? path : "\(directory)/\(path)" }
}
