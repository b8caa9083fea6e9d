// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIRuntime
internal import ContainerNetwork
internal import HostLocalStore
internal import Netlink
internal import RouteNetlink

/// What on this host still knows an attachment: a reserved address, a cached result, a link.
struct LivingAttachments {
    private let cache: ResultCache
    private var identities: Set<String> = []
    private var containersOfOldReservations: Set<[String]> = []
    private var linkNames: Set<String> = []
    private var veths: Set<LinkIndex> = []

    /// Looks everywhere.
    init(dataDirectories: [String], cache: ResultCache) throws(CNIError) {
        self.cache = cache
        for directory in dataDirectories {
            for identity in try ReservationStore.holders(inDataDirectory: directory) {
                let owner = ElementOwner(identity, hostInterface: nil)
                identities.insert(owner.identity)
                if identity.attachment.interfaceName.isEmpty {
                    containersOfOldReservations.insert([owner.network, owner.container])
                }
            }
        }
        do throws(RuntimeError) {
            for attachment in try cache.list().attachments {
                identities.insert(
                    AttachmentIdentity(network: attachment.network, attachment: attachment.id).shortDigest
                )
            }
        } catch { throw error.cause }
        for link in try kernel({ () throws(NetlinkError) in try RouteSocket.open().links() }) {
            linkNames.insert(link.name)
            if link.kind == "veth" { veths.insert(link.index) }
        }
    }

    /// Whether an owner of elements is among them.
    func contains(_ owner: ElementOwner) -> Bool {
        identities.contains(owner.identity)
            || containersOfOldReservations.contains([owner.network, owner.container])
            || (AttachmentIdentity.hostInterfaceName(shortDigest: owner.identity).map(linkNames.contains) ?? false)
            || (owner.hostInterface.map(veths.contains) ?? false)
            || hasUnreadableResult(owner)
    }

    /// Whether the cache has a file of it, whatever is in that.
    private func hasUnreadableResult(_ owner: ElementOwner) -> Bool {
        guard let identity = owner.attachment else { return false }
        if case .corrupt = cache.entry(network: identity.network, identity.attachment) { return true }
        return false
    }
}

extension ElementOwner {
    /// The attachment by its names; nil when the comment had no room for all of them.
    var attachment: AttachmentIdentity? {
        let parts = names.split(separator: "/", maxSplits: 2).map(String.init)
        guard parts.count == 3 else { return nil }
        let named = AttachmentIdentity(
            network: parts[0],
            attachment: AttachmentID(containerID: parts[2], interfaceName: parts[1])
        )
        return named.shortDigest == identity ? named : nil
    }
}
