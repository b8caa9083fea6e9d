// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport
public import LinuxSystem

extension KubernetesClientOptions {
    /// What Kubernetes gives each pod to reach its API: two variables, and the files of the pod's service account.
    ///
    /// - Throws: `configuration` when the process does not run in a pod, or the pod has no service account.
    public static func inCluster(
        environment: [String] = ProcessEnvironment.entries,
        directory: String = "/var/run/secrets/kubernetes.io/serviceaccount"
    ) throws(KubernetesError) -> KubernetesClientOptions {
        func variable(_ name: String) throws(KubernetesError) -> String {
            for entry in environment {
                if let value = ProcessEnvironment.value(of: name, in: entry), !value.isEmpty { return value }
            }
            throw KubernetesError(
                .configuration,
                "\(name) is not set: this is no pod of a cluster"
            )
        }
        let host = try variable("KUBERNETES_SERVICE_HOST")
        let port = try variable("KUBERNETES_SERVICE_PORT")
        guard let number = UInt16(port), number > 0 else {
            throw KubernetesError(.configuration, "KUBERNETES_SERVICE_PORT is \"\(port)\", must be a port")
        }
        var options = KubernetesClientOptions(server: "https://\(host.contains(":") ? "[\(host)]" : host):\(number)")
        options.credentials = .tokenFile("\(directory)/token")
        options.tls.authority = .file("\(directory)/ca.crt")
        _ = try options.credentials.token()
        return options
    }
}

extension KubernetesClientOptions.Credentials {
    /// The token to send, if any.
    func token() throws(KubernetesError) -> String? {
        switch self {
        case .none: return nil
        case .token(let token): return token
        case .tokenFile(let path):
            let bytes: [UInt8]
            do throws(SystemCallError) { bytes = try File.contents(of: path, limit: 1 << 16) } catch {
                throw KubernetesError(.configuration, "the token cannot be read: \(error)")
            }
            let token = bytes.split { $0 <= 0x20 }.first ?? []
            guard !token.isEmpty else { throw KubernetesError(.configuration, "\(path) holds no token") }
            return String(decoding: token, as: UTF8.self)
        }
    }
}
