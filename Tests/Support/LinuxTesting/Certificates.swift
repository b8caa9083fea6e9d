// swift-cni, SPDX-License-Identifier: Apache-2.0

/// Certificates made with openssl: two authorities, and what the first has signed.
public final class Certificates: Sendable {
    private let directory: TemporaryDirectory

    /// Makes everything for a server with an address or, instead, a name.
    public init(serverAddress: String = "", serverName: String? = nil) throws {
        directory = try TemporaryDirectory()
        for authority in ["authority", "stranger"] {
            try openssl(
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "1",
                "-subj",
                "/CN=\(authority)",
                "-keyout",
                key(authority),
                "-out",
                certificate(authority)
            )
        }
        try sign("server", by: "authority", "subjectAltName=\(serverName.map { "DNS:\($0)" } ?? "IP:\(serverAddress)")")
        try sign("client", by: "authority", "extendedKeyUsage=clientAuth")
        try sign("impostor", by: "stranger", "extendedKeyUsage=clientAuth")
    }

    /// The path of a certificate: `authority`, `stranger`, `server`, `client`, or `impostor`.
    public func certificate(_ name: String) -> String { directory.appending("\(name).pem") }
    /// The path of the key that belongs to a certificate.
    public func key(_ name: String) -> String { directory.appending("\(name).key") }

    private func sign(_ name: String, by authority: String, _ extensions: String) throws {
        let request = directory.appending("\(name).csr")
        let file = directory.appending("\(name).ext")
        try openssl(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=\(name)",
            "-keyout",
            key(name),
            "-out",
            request
        )
        try Command.run(["/bin/sh", "-c", "echo \"$1\" >\"$2\"", "sh", extensions, file])
        try openssl(
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            certificate(authority),
            "-CAkey",
            key(authority),
            "-CAcreateserial",
            "-days",
            "1",
            "-extfile",
            file,
            "-out",
            certificate(name)
        )
    }

    private func openssl(_ words: String...) throws { try Command.run(["openssl"] + words) }
}
