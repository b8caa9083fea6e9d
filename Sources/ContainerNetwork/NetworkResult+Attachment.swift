// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import IPAddresses

extension NetworkResult {
    /// The addresses of an attachment's interface, with their subnets' lengths.
    ///
    /// One that names no interface of the result is the attachment's.
    public func addresses(of attachment: AttachmentID) -> [IPPrefix] {
        ips.filter { ip in
            guard let position = ip.interface, interfaces.indices.contains(position) else { return true }
            let interface = interfaces[position]
            return interface.sandbox != nil && interface.name == attachment.interfaceName
        }.map(\.address)
    }
}
