// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import LinuxSystem
internal import Netlink
public import RouteNetlink

/// The two sockets an attachment is made through: one in the host's namespace, one in the container's.
///
/// Each stays where it was opened, so nothing has to run in a foreign namespace (but sysctls, which know no sockets).
/// A class, because undo actions keep using them after the recipe has moved on.
public final class AttachmentSockets {
    /// The container's namespace.
    public let namespace: NetworkNamespace
    /// Talks about the host's links.
    public let host: RouteSocket
    /// Talks about the container's links.
    public let container: RouteSocket

    /// Opens both.
    ///
    /// - Throws: ``CNIError`` with code 8 when the path is no network namespace.
    public init(namespacePath: String) throws(CNIError) {
        do { namespace = try NetworkNamespace.open(namespacePath) } catch {
            throw CNIError(
                .invalidNamespace,
                "CNI_NETNS: failed to open network namespace \"\(namespacePath)\"",
                details: "\(error)"
            )
        }
        do {
            host = try RouteSocket.open()
            container = try RouteSocket.open(in: namespace)
        } catch { throw CNIError(error) }
    }

    /// Fails when the container has the attachment's interface already.
    ///
    /// - Throws: ``CNIError`` with code 102 then.
    public func requireFreeName(for attachment: AttachmentID) throws(CNIError) {
        let name = attachment.interfaceName
        let existing = try kernel { () throws(NetlinkError) in try container.link(named: name) }
        guard existing == nil else {
            throw CNIError(
                .alreadyExists,
                "container already has an interface \(name): \"\(name)\" already exists",
                details: "run DEL for \(attachment) first, or use another CNI_IFNAME"
            )
        }
    }
}
