// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport

extension EtcdClientOptions {
    /// What is expected of members, and shown to them.
    var tls: ClientTLS {
        var tls = ClientTLS()
        tls.authority = authorityFile.map { .file($0) }
        tls.certificate = certificateFile.map { .file($0) }
        tls.privateKey = privateKeyFile.map { .file($0) }
        return tls
    }
}
