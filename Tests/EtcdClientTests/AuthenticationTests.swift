// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import EtcdClient
internal import EtcdTesting
internal import LinuxSystem
internal import LinuxTesting
internal import Testing

/// Users and passwords, certificates, and what is said when they are wrong.
@Suite(.timeLimit(.minutes(1))) struct AuthenticationTests {
    private func enableUsers(_ server: EtcdServer) throws {
        try server.control("user", "add", "root:secret")
        try server.control("user", "grant-role", "root", "root")
        try server.control("user", "add", "reader:other")
        try server.control("auth", "enable")
    }

    @Test func `user and password are sent, tokens renewed, and wrong ones told`() async throws {
        var options = EtcdServer.Options()
        options.arguments = ["--auth-token-ttl", "1"]
        let server = try EtcdServer.started(options)
        let user = EtcdClientOptions.User(name: "root", password: "secret")
        try await withClient([server.endpoint], { $0.user = user }) { client in
            // Where nobody asks for a password, one does no harm.
            let revision = try await client.put("/a", [1])
            try enableUsers(server)
            try await client.put("/a", [2])
            try await Task.sleep(for: .seconds(2.5))
            try await client.put("/a", [3])
            try await Task.sleep(for: .seconds(2.5))
            let watch = try await client.watch(.prefix("/a"), from: revision)
            #expect(try await watch.next()?.events.count == 3)
            // Tokens do not outlive the server.
            server.kill()
            try server.start()
            try server.waitUntilReady()
            try await client.put("/a", [4])
        }
        let wrong = EtcdClientOptions.User(name: "root", password: "wrong")
        try await withClient([server.endpoint], { $0.user = wrong }) { client in
            for _ in 0..<2 {
                await expectFailure(.refused, "invalid user ID or password", "\"root\"") {
                    try await client.put("/a", [5])
                }
            }
            await expectFailure(.refused, "\"root\"") { _ = try await client.watch(.prefix("/a"), from: 1) }
        }
        let reader = EtcdClientOptions.User(name: "reader", password: "other")
        try await withClient([server.endpoint], { $0.user = reader }) { client in
            await expectFailure(.refused, "permission denied") { try await client.put("/a", [5]) }
        }
        try await withClient([server.endpoint]) { client in
            await expectFailure(.refused, "none is given") { try await client.put("/a", [5]) }
            await expectFailure(.refused, "none is given") { _ = try await client.watch(.prefix("/a"), from: 1) }
        }
    }

    @Test func `certificates are checked on both sides, and each fault is told`() async throws {
        var options = EtcdServer.Options()
        options.scheme = "https"
        let certificates = try Certificates(serverAddress: options.address)
        options.arguments = [
            "--cert-file", certificates.certificate("server"), "--key-file", certificates.key("server"),
            "--trusted-ca-file", certificates.certificate("authority"), "--client-cert-auth",
        ]
        let server = try EtcdServer.started(options)
        func put(_ change: (inout EtcdClientOptions) -> Void, endpoint: String? = nil) async throws {
            let change = { (options: inout EtcdClientOptions) in
                options.authorityFile = certificates.certificate("authority")
                options.certificateFile = certificates.certificate("client")
                options.privateKeyFile = certificates.key("client")
                change(&options)
            }
            try await withClient([endpoint ?? server.endpoint], change) { client in
                let revision = try await client.put("/a", [1])
                let watch = try await client.watch(.prefix("/a"), from: revision)
                #expect(try await watch.next()?.events.count == 1)
            }
        }
        try await put { _ in }
        let clock = ContinuousClock()
        let time = await clock.measure {
            await expectFailure(.refused, "not signed by an authority") {
                try await put { $0.authorityFile = certificates.certificate("stranger") }
            }
            await expectFailure(.refused, "not signed by an authority") { try await put { $0.authorityFile = nil } }
            let withoutCertificate = await #expect(throws: EtcdError.self) {
                try await put {
                    $0.certificateFile = nil
                    $0.privateKeyFile = nil
                }
            }
            #expect(withoutCertificate?.message.contains("client certificate") == true, "\(withoutCertificate as Any)")
            let impostor = await #expect(throws: EtcdError.self) {
                try await put {
                    $0.certificateFile = certificates.certificate("impostor")
                    $0.privateKeyFile = certificates.key("impostor")
                }
            }
            #expect(impostor?.message.contains("certificate") == true, "\(impostor as Any)")
            await expectFailure(.unreachable, "does it want https?") {
                try await put({ _ in }, endpoint: server.endpoint.replacing("https:", with: "http:"))
            }
        }
        #expect(time < .seconds(3))
        await expectFailure(.configuration, "belong together") { try await put { $0.privateKeyFile = nil } }
        await expectFailure(.certificates, "/none") { try await put { $0.authorityFile = "/none" } }
        await expectFailure(.certificates, certificates.key("client")) {
            try await put { $0.certificateFile = certificates.key("client") }
        }
        await expectFailure(.certificates, certificates.certificate("client")) {
            try await put { $0.privateKeyFile = certificates.certificate("client") }
        }
    }

    @Test func `certificates that were replaced are taken up`() async throws {
        var options = EtcdServer.Options()
        options.scheme = "https"
        let certificates = try Certificates(serverAddress: options.address)
        options.arguments = [
            "--cert-file", certificates.certificate("server"), "--key-file", certificates.key("server"),
            "--trusted-ca-file", certificates.certificate("authority"), "--client-cert-auth",
        ]
        let server = try EtcdServer.started(options)
        let directory = try TemporaryDirectory()
        let (certificate, key) = (directory.appending("tls.crt"), directory.appending("tls.key"))
        func install(_ name: String) throws {
            try File.replace(certificate, with: File.contents(of: certificates.certificate(name)))
            try File.replace(key, with: File.contents(of: certificates.key(name)))
        }
        let change = { (options: inout EtcdClientOptions) in
            options.authorityFile = certificates.certificate("authority")
            options.certificateFile = certificate
            options.privateKeyFile = key
        }
        try await withClient([server.endpoint], change) { client in
            // They may come later than their user.
            await expectFailure(.certificates, certificate) { try await client.put("/a", [1]) }
            client.reconnect()
            await expectFailure(.certificates, certificate) { _ = try await client.watch(.prefix("/"), from: 1) }
            try install("impostor")
            await #expect(throws: EtcdError.self) { try await client.put("/a", [1]) }
            try install("client")
            try await client.put("/a", [2])
            // Connections that are there go on with what they were made with, and files that are no use change nothing.
            try File.replace(key, with: [])
            try await client.put("/a", [3])
            #expect(try await client.entry("/a")?.value == [3])
        }
    }

    @Test func `a certificate for another name, and a server without TLS, are told`() async throws {
        var options = EtcdServer.Options()
        options.scheme = "https"
        let certificates = try Certificates(serverAddress: "192.0.2.1")
        options.arguments = [
            "--cert-file", certificates.certificate("server"), "--key-file", certificates.key("server"),
        ]
        let server = try EtcdServer.started(options)
        let authority = certificates.certificate("authority")
        try await withClient([server.endpoint], { $0.authorityFile = authority }) { client in
            await expectFailure(.refused, "another name") { try await client.put("/a", []) }
        }
        let plain = try EtcdServer.started()
        let endpoint = plain.endpoint.replacing("http:", with: "https:")
        try await withClient([endpoint], { $0.authorityFile = authority }) { client in
            // Whether it closes the connection or resets it is a matter of time.
            let error = await #expect(throws: EtcdError.self) { try await client.put("/a", []) }
            #expect(error?.message.contains("TLS") == true, "\(error as Any)")
        }
    }
}
