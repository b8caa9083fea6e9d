// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport
internal import KubernetesClient
internal import KubernetesTesting
internal import LinuxSystem
internal import LinuxTesting
internal import Testing

/// Tokens, certificates, and what is said when they are wrong.
@Suite(.timeLimit(.minutes(1))) struct AccessTests {
    private let files: TemporaryDirectory

    init() throws { files = try TemporaryDirectory() }

    private func write(_ text: String, to name: String) throws -> String {
        try File.replace(files.appending(name), with: Array(text.utf8))
        return files.appending(name)
    }

    private func secure(_ certificates: Certificates, wantsCertificate: Bool = false) throws -> KubernetesServer {
        var options = KubernetesServer.Options()
        options.address = "127.0.0.1"
        options.certificate = (certificates.certificate("server"), certificates.key("server"))
        if wantsCertificate { options.clientAuthority = certificates.certificate("authority") }
        let server = try KubernetesServer(options)
        server.put(NodeDocument.make("a"))
        return server
    }

    @Test func `a token is read again for each request and each watch`() async throws {
        let server = try KubernetesServer()
        server.accept(tokens: ["first"])
        server.put(NodeDocument.make("a"))
        let path = try write("first\n", to: "token")
        try await withClient(of: server, { $0.credentials = .tokenFile(path) }) { client in
            #expect(try await client.nodes().nodes.count == 1)
            server.accept(tokens: ["second"])
            await expectFailure(.refused, "Unauthorized") { _ = try await client.nodes() }
            _ = try write("second", to: "token")
            #expect(try await client.nodes().nodes.count == 1)
            let watch = try await client.watchNodes(from: String(server.version))
            server.put(NodeDocument.make("b"))
            #expect(try await watch.next()?.events.count == 1)
            _ = try write(" \n", to: "token")
            await expectFailure(.configuration, path) { _ = try await client.nodes() }
            try File.remove(path)
            await expectFailure(.configuration, path) { _ = try await client.nodes() }
        }
        try await withClient(of: server, { $0.credentials = .token("second") }) { client in
            let count = try await client.nodes().nodes.count
            #expect(count == 2)
        }
        try await withClient(of: server) { client in
            await expectFailure(.refused) { _ = try await client.watchNodes(from: "1") }
        }
    }

    @Test func `the server's certificate is checked, unless nobody wants that`() async throws {
        let certificates = try Certificates(serverAddress: "127.0.0.1")
        let server = try secure(certificates)
        for authority in ["stranger", nil] {
            try await withClient(
                of: server,
                { $0.tls.authority = authority.map { .file(certificates.certificate($0)) } }
            ) { client in
                await expectFailure(.refused, "not signed by an authority") { _ = try await client.nodes() }
            }
        }
        try await withClient(of: server, { $0.tls.authority = .file(certificates.certificate("authority")) }) {
            client in
            #expect(try await client.nodes().nodes.count == 1)
            let watch = try await client.watchNodes(from: String(server.version))
            server.put(NodeDocument.make("b"))
            #expect(try await watch.next()?.events.count == 1)
        }
        try await withClient(of: server, { $0.tls.isServerUnchecked = true }) { client in
            let count = try await client.nodes().nodes.count
            #expect(count == 2)
        }
        let missing = KubernetesClientOptions(server: server.url)
        await expectFailure(.configuration, "/none") {
            var options = missing
            options.tls.authority = .file("/none")
            _ = try KubernetesClient(options)
        }
    }

    @Test func `the certificate may be for another name than the one that is called`() async throws {
        let certificates = try Certificates(serverName: "kubernetes.example")
        let server = try secure(certificates)
        let authority = ClientTLS.PEM.file(certificates.certificate("authority"))
        try await withClient(of: server, { $0.tls.authority = authority }) { client in
            await expectFailure(.refused, "another name") { _ = try await client.nodes() }
        }
        let named = { (options: inout KubernetesClientOptions) in
            options.tls.authority = authority
            options.serverName = "kubernetes.example"
        }
        try await withClient(of: server, named) { client in
            #expect(try await client.nodes().nodes.count == 1)
            _ = try await client.watchNodes(from: String(server.version))
        }
        let wrong = { (options: inout KubernetesClientOptions) in
            options.tls.authority = authority
            options.serverName = "other.example"
        }
        try await withClient(of: server, wrong) { client in
            await expectFailure(.refused, "another name") { _ = try await client.nodes() }
        }
    }

    @Test func `the client shows its certificate, from a file or from memory`() async throws {
        let certificates = try Certificates(serverAddress: "127.0.0.1")
        let server = try secure(certificates, wantsCertificate: true)
        func read(_ certificate: ClientTLS.PEM?, _ key: ClientTLS.PEM?) async throws -> Int {
            let change = { (options: inout KubernetesClientOptions) in
                options.tls.authority = .file(certificates.certificate("authority"))
                (options.tls.certificate, options.tls.privateKey) = (certificate, key)
            }
            return try await withClient(of: server, change) { try await $0.nodes().nodes.count }
        }
        let (certificate, key) = (certificates.certificate("client"), certificates.key("client"))
        #expect(try await read(.file(certificate), .file(key)) == 1)
        let texts = try [certificate, key].map { ClientTLS.PEM.text(try File.contents(of: $0), name: "users[0]") }
        #expect(try await read(texts[0], texts[1]) == 1)
        // As a kubelet has it.
        let both = files.appending("client.pem")
        try File.replace(both, with: try File.contents(of: certificate) + File.contents(of: key))
        #expect(try await read(.file(both), .file(both)) == 1)
        let none = await #expect(throws: KubernetesError.self) { _ = try await read(nil, nil) }
        #expect(none?.message.contains("client certificate") == true, "\(none as Any)")
        let impostor = await #expect(throws: KubernetesError.self) {
            _ = try await read(
                .file(certificates.certificate("impostor")),
                .file(certificates.key("impostor"))
            )
        }
        #expect(impostor?.message.contains("certificate") == true, "\(impostor as Any)")
        await expectFailure(.configuration, "belong together") { _ = try await read(.file(certificate), nil) }
        await expectFailure(.configuration, "users[0]") { _ = try await read(texts[1], texts[1]) }
        await expectFailure(.configuration, "users[0]") { _ = try await read(texts[0], texts[0]) }
    }

    @Test func `certificates are read again when those of before are refused`() async throws {
        let certificates = try Certificates(serverAddress: "127.0.0.1")
        let server = try secure(certificates, wantsCertificate: true)
        let (authority, certificate, key) = (
            files.appending("ca.crt"), files.appending("client.crt"), files.appending("client.key")
        )
        func put(_ path: String, at target: String) throws {
            try File.replace(target, with: try File.contents(of: path))
        }
        try put(certificates.certificate("stranger"), at: authority)
        try put(certificates.certificate("impostor"), at: certificate)
        try put(certificates.key("impostor"), at: key)
        let change = { (options: inout KubernetesClientOptions) in
            options.tls.authority = .file(authority)
            (options.tls.certificate, options.tls.privateKey) = (.file(certificate), .file(key))
        }
        try await withClient(of: server, change) { client in
            let version = String(server.version)
            await expectFailure(.refused, "not signed by an authority") { _ = try await client.nodes() }
            try put(certificates.certificate("authority"), at: authority)
            await expectFailure(.refused, "certificate") { _ = try await client.watchNodes(from: version) }
            // Of a pair that is half replaced nothing is used.
            try put(certificates.certificate("client"), at: certificate)
            await expectFailure(.refused, "certificate") { _ = try await client.watchNodes(from: version) }
            try put(certificates.key("client"), at: key)
            let watch = try await client.watchNodes(from: version)
            server.put(NodeDocument.make("b"))
            #expect(try await watch.next()?.events.count == 1)
            #expect(try await client.nodes().nodes.count == 2)
        }
    }
}
