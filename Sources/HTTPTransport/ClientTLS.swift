// swift-cni, SPDX-License-Identifier: Apache-2.0

public import NIOSSL

/// What is expected of a server, and shown to it: TLS 1.2 or later, the name in the certificate checked.
public struct ClientTLS: Hashable, Sendable {
    /// Certificates or a key in PEM.
    public enum PEM: Hashable, Sendable {
        /// In a file.
        case file(String)
        /// In the configuration itself, known by a name that says where.
        case text([UInt8], name: String)

        /// Where it is, for a complaint.
        var name: String {
            switch self {
            case .file(let path): path
            case .text(_, let name): name
            }
        }
    }

    /// The certificates that sign the server's; nil for the system's.
    public var authority: PEM?
    /// The client's own certificate, followed by those that lead to its authority.
    public var certificate: PEM?
    /// The private key of the certificate.
    public var privateKey: PEM?
    /// Whether any server is believed to be the right one.
    public var isServerUnchecked = false

    /// The system's authorities and no certificate of the client's own.
    public init() {}

    /// What the TLS library wants to know.
    ///
    /// - Throws: `configuration` when something cannot be read or used.
    public func makeConfiguration() throws(TransportFailure) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let authority { configuration.trustRoots = .certificates(try Self.certificates(in: authority)) }
        if isServerUnchecked { configuration.certificateVerification = .none }
        switch (certificate, privateKey) {
        case (nil, nil): break
        case (let certificate?, let privateKey?):
            configuration.certificateChain = try Self.certificates(in: certificate).map { .certificate($0) }
            do {
                configuration.privateKey =
                    switch privateKey {
                    case .file(let path): .privateKey(try NIOSSLPrivateKey(file: path, format: .pem))
                    case .text(let bytes, _): .privateKey(try NIOSSLPrivateKey(bytes: bytes, format: .pem))
                    }
            } catch {
                throw TransportFailure(.configuration, "\(privateKey.name) holds no usable private key (\(error))")
            }
        default:
            throw TransportFailure(
                .configuration,
                "a certificate and its private key belong together; only one is given"
            )
        }
        return configuration
    }

    private static func certificates(in pem: PEM) throws(TransportFailure) -> [NIOSSLCertificate] {
        do {
            return switch pem {
            case .file(let path): try NIOSSLCertificate.fromPEMFile(path)
            case .text(let bytes, _): try NIOSSLCertificate.fromPEMBytes(bytes)
            }
        } catch { throw TransportFailure(.configuration, "\(pem.name) holds no usable certificate (\(error))") }
    }
}
