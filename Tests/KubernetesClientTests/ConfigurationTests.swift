// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport
internal import JSON
internal import KubernetesClient
internal import KubernetesTesting
internal import LinuxSystem
internal import LinuxTesting
internal import Testing

/// Where the server is and who is asking, as pods and kubeconfig files say it.
@Suite struct ConfigurationTests {
    private let files: TemporaryDirectory

    init() throws { files = try TemporaryDirectory() }

    private func write(_ text: String, to name: String = "config") throws -> String {
        try File.replace(files.appending(name), with: Array(text.utf8))
        return files.appending(name)
    }

    @Test func `a pod is told by its environment and its service account`() async throws {
        let environment = ["KUBERNETES_SERVICE_HOST=10.96.0.1", "KUBERNETES_SERVICE_PORT=443", "HOME=/"]
        await expectFailure(.configuration, files.path) {
            _ = try KubernetesClientOptions.inCluster(environment: environment, directory: files.path)
        }
        _ = try write("secret\n", to: "token")
        let options = try KubernetesClientOptions.inCluster(environment: environment, directory: files.path)
        #expect(options.server == "https://10.96.0.1:443")
        #expect(options.credentials == .tokenFile(files.appending("token")))
        #expect(options.tls.authority == .file(files.appending("ca.crt")))
        #expect(!options.tls.isServerUnchecked)
        let v6 = ["KUBERNETES_SERVICE_HOST=fd00::1", "KUBERNETES_SERVICE_PORT=6443"]
        #expect(
            try KubernetesClientOptions.inCluster(environment: v6, directory: files.path).server
                == "https://[fd00::1]:6443"
        )
        for broken in [[], [environment[0]], [environment[1]], [environment[0], "KUBERNETES_SERVICE_PORT=x"]] {
            await expectFailure(.configuration, "KUBERNETES_SERVICE") {
                _ = try KubernetesClientOptions.inCluster(environment: broken, directory: files.path)
            }
        }
    }

    @Test func `a kubeconfig's current context counts`() throws {
        let path = try write(
            """
            apiVersion: v1
            kind: Config
            preferences: {}
            current-context: mine
            clusters:
            - name: other
              cluster: {server: "https://192.0.2.9:6443", insecure-skip-tls-verify: true}
            - name: ours
              cluster:
                server: https://192.0.2.1:6443
                certificate-authority: pki/ca.crt
                tls-server-name: kubernetes.example
            contexts:
            - name: mine
              context: {cluster: ours, user: me, namespace: x}
            - name: theirs
              context: {cluster: other, user: them}
            users:
            - name: them
              user: {exec: {command: rm}}
            - name: me
              user:
                client-certificate-data: \(Base64.encode("a certificate".utf8))
                client-certificate: /not/this
                client-key: /pki/me.key
                token: abc
                tokenFile: token
            """
        )
        let options = try KubernetesClientOptions.kubeconfig(path)
        #expect(options.server == "https://192.0.2.1:6443")
        #expect(options.tls.authority == .file(files.appending("pki/ca.crt")))
        #expect(options.serverName == "kubernetes.example")
        #expect(!options.tls.isServerUnchecked)
        #expect(
            options.tls.certificate
                == .text(Array("a certificate".utf8), name: "users[1].user.client-certificate-data")
        )
        #expect(options.tls.privateKey == .file("/pki/me.key"))
        #expect(options.credentials == .tokenFile(files.appending("token")))
        #expect(
            try KubernetesClientOptions.kubeconfig(path, server: "http://127.0.0.1:8080").server
                == "http://127.0.0.1:8080"
        )
    }

    private func config(cluster: String, user: String, rest: String = "") -> String {
        """
        current-context: c
        clusters: [{name: c, cluster: {\(cluster)}}]
        contexts: [{name: c, context: {cluster: c, user: u}}]
        users: [{name: u, user: {\(user)}}]
        \(rest)
        """
    }

    @Test func `nobody in particular, an unchecked server, and no server at all`() throws {
        let unchecked = try write(
            config(cluster: "server: 'https://a', insecure-skip-tls-verify: true", user: "token: abc")
        )
        let options = try KubernetesClientOptions.kubeconfig(unchecked)
        #expect(options.tls.isServerUnchecked)
        #expect(options.credentials == .token("abc"))
        let nobody = try write(
            "current-context: c\nclusters: [{name: c, cluster: {}}]\ncontexts: [{name: c, context: {cluster: c}}]"
        )
        #expect(try KubernetesClientOptions.kubeconfig(nobody, server: "https://b").credentials == .none)
    }

    @Test(arguments: [
        ("server: 'https://a'", "exec: {command: aws}", "users[0].user.exec"),
        ("server: 'https://a'", "auth-provider: {name: gcp}", "users[0].user.auth-provider"),
        ("server: 'https://a'", "username: a, password: b", "users[0].user.username"),
        ("server: 'https://a'", "token: a, as: admin", "users[0].user.as"),
        ("server: 'https://a'", "client-certificate: a", "belong together"),
        ("server: 'https://a'", "client-key-data: '*', client-certificate: a", "client-key-data: is not in base 64"),
        ("server: 'https://a'", "token: [a]", "users[0].user.token"),
        ("server: 'https://a', proxy-url: 'http://p'", "token: a", "proxy-url"),
        (
            "server: 'https://a', certificate-authority: x, insecure-skip-tls-verify: true", "token: a",
            "remove one of the two"
        ),
        ("server: 'https://a', insecure-skip-tls-verify: 'yes'", "token: a", "insecure-skip-tls-verify"),
        ("", "token: a", "server"), ("server: [", "", "not a YAML document"),
    ])
    func `what cannot be served is refused with its place`(cluster: String, user: String, words: String) async throws {
        let path = try write(config(cluster: cluster, user: user))
        await expectFailure(.configuration, path, words) { _ = try KubernetesClientOptions.kubeconfig(path) }
    }

    @Test(arguments: [
        ("clusters: []", "current-context"), ("current-context: x\ncontexts: []", "no entry named \"x\""),
        ("current-context: x\ncontexts: [{name: x, context: {cluster: y}}]\nclusters: []", "no entry named \"y\""),
        ("- a", "an array"), ("", "empty"),
    ])
    func `an incomplete file is refused`(text: String, words: String) async throws {
        let path = try write(text)
        await expectFailure(.configuration, path, words) { _ = try KubernetesClientOptions.kubeconfig(path) }
    }

    @Test func `a file that is not there is told`() async throws {
        await expectFailure(.configuration, "/none/config") {
            _ = try KubernetesClientOptions.kubeconfig("/none/config")
        }
    }

    @Test func `a file of each kind leads to the server`() async throws {
        let certificates = try Certificates(serverAddress: "127.0.0.1")
        var serverOptions = KubernetesServer.Options()
        serverOptions.address = "127.0.0.1"
        serverOptions.certificate = (certificates.certificate("server"), certificates.key("server"))
        serverOptions.clientAuthority = certificates.certificate("authority")
        serverOptions.tokens = ["abc"]
        let server = try KubernetesServer(serverOptions)
        func base64(_ path: String) throws -> String { Base64.encode(try File.contents(of: path)) }
        let inline = config(
            cluster:
                "server: '\(server.url)', certificate-authority-data: \(try base64(certificates.certificate("authority")))",
            user: "token: abc, client-certificate-data: \(try base64(certificates.certificate("client"))), "
                + "client-key-data: \(try base64(certificates.key("client")))"
        )
        let byFile = config(
            cluster: "server: '\(server.url)', certificate-authority: '\(certificates.certificate("authority"))'",
            user: "tokenFile: ./token, client-certificate: '\(certificates.certificate("client"))', "
                + "client-key: '\(certificates.key("client"))'"
        )
        _ = try write("abc\n", to: "token")
        for text in [inline, byFile] {
            let client = try KubernetesClient(try .kubeconfig(try write(text)))
            let listing = try? await client.nodes()
            await client.shutdown()
            #expect(listing?.nodes == [])
        }
        #expect(server.violations == [])
    }
}
