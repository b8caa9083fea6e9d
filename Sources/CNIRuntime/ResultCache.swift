// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import JSON
internal import LinuxSystem

/// The results of ADD, one file for each attachment, in the reference's place and layout: either suite's runtime
/// serves what the other has left.
public struct ResultCache: Hashable, Sendable {
    /// Where libcni keeps its cache unless told otherwise; the files are in `results` below.
    public static let standardPath = "/var/lib/cni"

    /// The directory above `results`.
    public let path: String

    /// Names a cache; nothing is made until something is stored.
    public init(_ path: String = standardPath) { self.path = path }

    /// What the cache holds of an attachment.
    public enum Entry: Sendable {
        /// No file.
        case absent
        /// A file that can be read.
        case present(CachedAttachment)
        /// A file that cannot be read or decoded; the reason.
        case corrupt(String)
        /// A file of another attachment: the name is ambiguous, as all its parts may hold hyphens.
        case foreign(network: String, AttachmentID)
    }

    /// The attachments in the cache and the files that are none.
    public struct Listing: Sendable {
        /// The attachments, by file name.
        public internal(set) var attachments: [CachedAttachment] = []
        /// Files that could not be read, each with the reason.
        public internal(set) var warnings: [String] = []
    }

    /// The directory of the files.
    public var directory: String { "\(path)/results" }

    /// The file of an attachment.
    ///
    /// The names must have been validated.
    public func file(network: String, _ id: AttachmentID) -> String {
        "\(directory)/\(network)-\(id.containerID)-\(id.interfaceName)"
    }

    /// Reads the entry of an attachment.
    public func entry(network: String, _ id: AttachmentID) -> Entry {
        let text: [UInt8]
        do {
            guard let contents = try File.contentsIfPresent(of: file(network: network, id)) else { return .absent }
            text = contents
        } catch {
            // A name that no file system takes, or whose directory is none, was never stored.
            return [.nameTooLong, .notADirectory].contains(error.number) ? .absent : .corrupt("\(error)")
        }
        do {
            let attachment = try CachedAttachment(parsing: text, network: network, id: id)
            guard attachment.network == network, attachment.id == id else {
                return .foreign(network: attachment.network, attachment.id)
            }
            return .present(attachment)
        } catch { return .corrupt("\(error)") }
    }

    /// All attachments, of one network or of all.
    ///
    /// A bare result of the oldest layout belongs to nobody known and is a warning. A missing directory is empty.
    public func list(network: String? = nil) throws(RuntimeError) -> Listing {
        var listing = Listing()
        let names: [String]
        do { names = try Directory.namesIfPresent(in: directory) ?? [] } catch {
            throw RuntimeError(.inputOutput, "the result cache cannot be listed", details: "\(error)")
        }
        for name in names.sorted() where !name.hasPrefix(".") && File.isRegular("\(directory)/\(name)") {
            do {
                guard let text = try File.contentsIfPresent(of: "\(directory)/\(name)") else { continue }
                let attachment = try CachedAttachment(parsing: text, network: nil, id: nil)
                if network == nil || attachment.network == network { listing.attachments.append(attachment) }
            } catch  where network.map({ name.hasPrefix("\($0)-") }) ?? true {
                listing.warnings.append("\(directory)/\(name) is skipped: \(error)")
            } catch {}
        }
        return listing
    }

    /// Stores an attachment so that it outlives a power cut.
    ///
    /// The directory is made with mode 0700, the file 0600.
    func store(_ attachment: CachedAttachment) throws(SystemCallError) {
        try Directory.create(directory, mode: 0o700)
        try File.replace(
            file(network: attachment.network, attachment.id),
            with: attachment.document.text(),
            mode: 0o600,
            durability: .powerCut
        )
    }

    /// Removes an attachment's file, if there is one.
    func remove(network: String, _ id: AttachmentID) throws(SystemCallError) {
        do { try File.remove(file(network: network, id)) } catch {
            if error.number != .nameTooLong { throw error }
        }
    }

    /// Whether an attachment can be stored, asked before anything is made.
    func problem(storing network: String, _ id: AttachmentID) -> String? {
        let name = Path.lastComponent(of: file(network: network, id))
        guard name.utf8.count <= 255 else {
            return
                "network name, container ID and interface name are \(name.utf8.count) bytes together with two hyphens,"
                + " which as a file name of the result cache must not exceed 255"
        }
        if case .foreign(let other, let holder) = entry(network: network, id) {
            return "the result cache holds attachment \(holder) of network \"\(other)\" under the same file name,"
                + " \(file(network: network, id)): choose another container ID"
        }
        return nil
    }
}
