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
        switch (certificateFile, privateKeyFile) {
        case (nil, nil): break
        case (let certificateFile?, let privateKeyFile?):
            configuration.certificateChain = try Self.certificates(in: certificateFile).map { .certificate($0) }
            do {
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: privateKeyFile, format: .pem))
            } catch { throw EtcdError(.configuration, "\(privateKeyFile) holds no usable private key (\(error))") }
        default: throw EtcdError(.configuration, "a certificate and its private key belong together; only one is given")
        }
        return configuration
    }

    private static func certificates(in path: String) throws(EtcdError) -> [NIOSSLCertificate] {
        do { return try NIOSSLCertificate.fromPEMFile(path) } catch {
            throw EtcdError(.configuration, "\(path) holds no usable certificate (\(error))")
        }
    }
}
