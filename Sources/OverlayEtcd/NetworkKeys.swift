// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import EtcdClient
internal import IPAddresses
internal import Overlay

/// The keys of one network, as flannel names them.
struct NetworkKeys: Hashable {
    /// What all keys begin with, without a slash at the end.
    let prefix: String

    /// Takes the prefix as it was given: slashes at its end mean nothing.
    init(prefix: String) {
        var prefix = prefix[...]
        while prefix.last == "/" { prefix.removeLast() }
        self.prefix = String(prefix)
    }

    /// The key of the network's configuration.
    var configuration: String { "\(prefix)/config" }
    /// All keys of leases; flannel lists and watches without a slash at the end, and roles may allow just that.
    var leases: EtcdKeyRange { .prefix("\(prefix)/subnets") }

    /// The key of a lease.
    func lease(_ subnets: PerFamily<IPPrefix>) -> String { "\(prefix)/subnets/\(subnets.leaseKey)" }

    /// What follows `subnets/`; nil for a key that only begins alike.
    func name(of key: String) -> Substring? {
        let folder = "\(prefix)/subnets/"
        return key.hasPrefix(folder) ? key.dropFirst(folder.count) : nil
    }
}
