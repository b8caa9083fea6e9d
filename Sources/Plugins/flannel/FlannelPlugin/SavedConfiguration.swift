// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import JSON
internal import LinuxSystem

/// What a delegate got at ADD, as it was found on disk.
struct SavedConfiguration {
    /// Where it is.
    let path: String
    /// The file as it is.
    let contents: [UInt8]
    /// What the delegate got; nil when the file holds nothing of the kind.
    let delegate: DelegateConfiguration?
    /// Whose it is; without an interface when flannel's own plugin wrote it.
    private let owner: (containerID: String, interfaceName: String?)

    /// Describes a file.
    init(path: String, contents: [UInt8]) {
        self.path = path
        self.contents = contents
        var document = (try? JSONValue(parsing: contents))?.object
        let mark = document?[Self.markKey].map { JSONNode($0) }
        document?[Self.markKey] = nil
        delegate = document.flatMap { DelegateConfiguration($0) }
        owner = (
            mark?["containerID"]?.value.string ?? Path.lastComponent(of: path),
            mark?["ifname"]?.value.string
        )
    }

    /// The text that saves a configuration for an attachment: with a mark that tells whose it is.
    ///
    /// flannel's own plugin passes the mark on to the delegate, where it is one more unknown key.
    static func text(_ delegate: DelegateConfiguration, for attachment: AttachmentID) -> [UInt8] {
        var document = delegate.document
        document[markKey] = [
            "containerID": .string(attachment.containerID), "ifname": .string(attachment.interfaceName),
        ]
        return JSONValue.object(document).text()
    }

    private static var markKey: String { "swift-cni/attachment" }

    /// The network it belongs to; nil when the file does not say.
    var network: String? { delegate?.document["name"]?.string }

    /// Whether this plugin saved it for an attachment.
    func isMarked(_ identity: AttachmentIdentity) -> Bool {
        network == identity.network && owner.containerID == identity.attachment.containerID
            && owner.interfaceName == identity.attachment.interfaceName
    }

    /// Whether a DEL of an attachment should go by it: one that nobody marked is of all interfaces of its container.
    func isUsable(for identity: AttachmentIdentity) -> Bool {
        if delegate == nil { return true }
        return owner.interfaceName == nil ? network == identity.network : isMarked(identity)
    }

    /// Whether it is of one of some attachments.
    func belongs(to attachments: Set<AttachmentID>) -> Bool {
        guard let interfaceName = owner.interfaceName else {
            return attachments.contains { $0.containerID == owner.containerID }
        }
        return attachments.contains(AttachmentID(containerID: owner.containerID, interfaceName: interfaceName))
    }
}
