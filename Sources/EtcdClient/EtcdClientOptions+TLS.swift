// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import NIOSSL

extension EtcdClientOptions {
    /// What is expected of members, and shown to them: TLS 1.2 or later, the name in the certificate checked.
    func makeTLSConfiguration() throws(EtcdError) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let authorityFile {
            configuration.trustRoots = .certificates(try Self.certificates(in: authorityFile))
        }
        if let certificateFile, let privateKeyFile {
            configuration.certificateChain = try Self.certificates(in: certificateFile).map { .certificate($0) }
            do {
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: privateKeyFile, format: .pem))
            } catch { throw EtcdError(.certificates, "\(privateKeyFile) holds no usable private key (\(error))") }
        }
        return configuration
    }

    private static func certificates(in path: String) throws(EtcdError) -> [NIOSSLCertificate] {
        do { return try NIOSSLCertificate.fromPEMFile(path) } catch {
            throw EtcdError(.certificates, "\(path) holds no usable certificate (\(error))")
        }
    }
}
