// swift-cni, SPDX-License-Identifier: Apache-2.0

import KubernetesClient
import LinuxSystem
import LinuxTesting
import Overlay
import OverlayKubernetes
import Testing

@testable import Flanneld

/// What flannel's users write when the cluster is Kubernetes.
@Suite struct `Options for Kubernetes` {
    private static let url = "--kube-api-url=https://192.0.2.1:6443"

    private func options(_ arguments: String..., environment: [String] = ["NODE_NAME=worker-1"]) throws
        -> KubernetesStoreOptions
    {
        let store = try DaemonOptions(["--kube-subnet-mgr"] + arguments, environment: environment).store
        guard case .kubernetes(let options) = store else { throw OverlayError(.option, "the store is \(store)") }
        return options
    }

    private func expectComplaint(
        _ words: String...,
        code: OverlayError.Code = .option,
        about arguments: [String],
        environment: [String] = ["NODE_NAME=worker-1"],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: OverlayError.self, sourceLocation: sourceLocation) {
            try DaemonOptions(["--kube-subnet-mgr"] + arguments, environment: environment)
        }
        #expect(error?.code == code, sourceLocation: sourceLocation)
        for word in words {
            #expect(error?.description.contains(word) == true, "\(error as Any)", sourceLocation: sourceLocation)
        }
    }

    @Test func `its flag selects it, whatever else is given, and the rest is as flannel has it`() throws {
        let options = try options(Self.url, "--ip-masq", "--etcd-prefix=/x")
        #expect(options.client.server == "https://192.0.2.1:6443")
        #expect(options.client.credentials == .none)
        #expect(options.node == .node("worker-1"))
        #expect(options.annotationPrefix == "flannel.alpha.coreos.com")
        #expect(options.networkConfigurationFile == "/etc/kube-flannel/net-conf.json")
        #expect(options.clearsNetworkUnavailable)
        #expect(options.summary == "Kubernetes https://192.0.2.1:6443, node worker-1")
        // Without effect.
        #expect(
            try self.options(
                Self.url,
                environment: ["NODE_NAME=worker-1", "EVENT_QUEUE_DEPTH=x", "CONT_WHEN_CACHE_NOT_READY=true"]
            ) == options
        )
    }

    @Test func `all of it can be said otherwise`() throws {
        let options = try options(
            "-kube-annotation-prefix",
            "net.example.org/a",
            "-set-node-network-unavailable=false",
            environment: [
                "FLANNELD_KUBE_API_URL=http://192.0.2.9:8080", "FLANNELD_NET_CONFIG_PATH=/etc/net.json",
                "NODE_NAME=", "POD_NAME=flannel-x", "POD_NAMESPACE=kube-flannel",
            ]
        )
        #expect(options.client.server == "http://192.0.2.9:8080")
        #expect(options.annotationPrefix == "net.example.org/a")
        #expect(options.networkConfigurationFile == "/etc/net.json")
        #expect(!options.clearsNetworkUnavailable)
        #expect(options.node == .ofPod("flannel-x", namespace: "kube-flannel"))
        #expect(options.summary == "Kubernetes http://192.0.2.9:8080, node of pod kube-flannel/flannel-x")
    }

    @Test func `a kubeconfig file says where the API is, unless the URL does`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.appending("config")
        let text = """
            current-context: c
            contexts: [{name: c, context: {cluster: k, user: u}}]
            clusters: [{name: k, cluster: {server: "https://192.0.2.7:6443"}}]
            users: [{name: u, user: {token: secret-word}}]
            """
        try File.replace(path, with: Array(text.utf8))
        #expect(try options("--kubeconfig-file", path).client.server == "https://192.0.2.7:6443")
        let both = try options("--kubeconfig-file", path, Self.url)
        #expect(both.client.server == "https://192.0.2.1:6443")
        #expect(both.client.credentials == .token("secret-word"))
        #expect(!both.summary.contains("secret-word"))
        // Who is started again may find it.
        expectComplaint("--kubeconfig-file /none", code: .localFile, about: ["--kubeconfig-file=/none"])
        try File.replace(path, with: Array("contexts: []".utf8))
        expectComplaint("--kubeconfig-file", path, "current-context", about: ["--kubeconfig-file", path])
    }

    @Test func `what is wrong is named with what would be right`() throws {
        expectComplaint(
            "--kube-api-url \"192.0.2.1:6443\"",
            "https://HOST:PORT",
            about: ["--kube-api-url=192.0.2.1:6443"]
        )
        expectComplaint("--kube-api-url \"https://\"", about: ["--kube-api-url=https://"])
        expectComplaint("KUBERNETES_SERVICE_HOST", "--kubeconfig-file", "--kube-api-url", about: [])
        expectComplaint("--net-config-path \"net.json\"", "absolute", about: [Self.url, "--net-config-path=net.json"])
        for environment in [[], ["POD_NAME=x"], ["POD_NAMESPACE=x", "NODE_NAME="]] {
            expectComplaint("NODE_NAME", "spec.nodeName", about: [Self.url], environment: environment)
        }
        expectComplaint("neither true nor false", about: [Self.url, "--set-node-network-unavailable=no"])
    }
}
