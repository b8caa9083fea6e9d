// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import KubernetesClient
internal import LinuxSystem
internal import Overlay
internal import OverlayKubernetes

extension DaemonOptions {
    /// How the Kubernetes API is reached, and which of its nodes this one is.
    static func kubernetes(
        _ flags: DaemonFlags,
        _ environment: [String]
    ) throws(OverlayError) -> KubernetesStoreOptions {
        var options = KubernetesStoreOptions(
            client: try kubernetesClient(flags, environment),
            node: try nodeName(environment)
        )
        options.annotationPrefix = flags.kubeAnnotationPrefix
        options.networkConfigurationFile = try absolute(flags.netConfigPath, "net-config-path")
        options.clearsNetworkUnavailable = flags.setNodeNetworkUnavailable
        return options
    }

    /// As flannel has it: the two flags, or one of them, or what each pod is given.
    private static func kubernetesClient(
        _ flags: DaemonFlags,
        _ environment: [String]
    ) throws(OverlayError) -> KubernetesClientOptions {
        let url = flags.kubeApiUrl
        let hasScheme = url.hasPrefix("http://") || url.hasPrefix("https://")
        guard url.isEmpty || hasScheme && url.split(separator: "/").count > 1 else {
            throw OverlayError(
                .option,
                "--kube-api-url \"\(url)\" is no URL of the Kubernetes API",
                advice: "write https://HOST:PORT"
            )
        }
        if !flags.kubeconfigFile.isEmpty {
            return try kubeconfig(flags.kubeconfigFile, server: url.isEmpty ? nil : url)
        }
        guard url.isEmpty else { return KubernetesClientOptions(server: url) }
        do throws(KubernetesError) { return try .inCluster(environment: environment) } catch {
            throw OverlayError(
                .option,
                "--kube-subnet-mgr: \(error.message)",
                advice: "in a pod, give it a service account; elsewhere, write --kubeconfig-file or --kube-api-url"
            )
        }
    }

    private static func kubeconfig(
        _ path: String,
        server: String?
    ) throws(OverlayError) -> KubernetesClientOptions {
        guard File.isRegular(path) else {
            // Not a wrong flag, which no restart makes right: who sets the cluster up may yet write it.
            throw OverlayError(.localFile, "--kubeconfig-file \(path) is not there")
        }
        do throws(KubernetesError) { return try .kubeconfig(path, server: server) } catch {
            throw OverlayError(.option, "--kubeconfig-file: \(error.message)")
        }
    }

    /// The node by its name, else by a pod on it.
    private static func nodeName(_ environment: [String]) throws(OverlayError) -> KubernetesStoreOptions.NodeName {
        let variable = { (name: String) in
            environment.lazy.compactMap { ProcessEnvironment.value(of: name, in: $0) }.first { !$0.isEmpty }
        }
        if let name = variable("NODE_NAME") { return .node(name) }
        if let pod = variable("POD_NAME"), let namespace = variable("POD_NAMESPACE") {
            return .ofPod(pod, namespace: namespace)
        }
        throw OverlayError(
            .option,
            "--kube-subnet-mgr: neither NODE_NAME nor both of POD_NAME and POD_NAMESPACE are set",
            advice:
                "write into the container's env {name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}},"
                + " or on a host NODE_NAME=<what kubectl get nodes calls it>"
        )
    }
}

extension DaemonOptions.Store {
    /// Whether it gives out the subnets itself, knows the nodes' addresses, and keeps leases that do not end.
    var isKubernetes: Bool { if case .kubernetes = self { true } else { false } }
}
