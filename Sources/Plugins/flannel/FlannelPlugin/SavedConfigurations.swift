// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIPlugin
internal import JSON
internal import LinuxSystem

/// The configurations that delegates got at ADD, kept for the attachments' DEL: a file each in one directory.
///
/// The first attachment of a container is in `<containerID>`, where flannel's own plugin looks. Further ones, and those
/// whose place is taken, are in a file whose name holds a digest of network, container and interface.
struct SavedConfigurations {
    private let directory: String

    /// The files of a network's data directory.
    init(_ configuration: NetworkConfiguration) throws(CNIError) {
        do { directory = try Self.directory(of: configuration) } catch { throw CNIError(error) }
    }

    /// The same for DEL and GC: a `dataDir` edited into nonsense means the default.
    init(of request: some PluginRequest) {
        do { directory = try Self.directory(of: request.configuration) } catch {
            directory = Self.defaultDirectory
            request.diagnostics.warn("\(error); \(directory) is used")
        }
    }

    /// `dataDir`.
    static func directory(of configuration: NetworkConfiguration) throws(JSONError) -> String {
        try configuration.root.path("dataDir") ?? defaultDirectory
    }

    private static var defaultDirectory: String { "/var/lib/cni/flannel" }

    /// What was saved for an attachment; nil when nothing is.
    func find(_ identity: AttachmentIdentity) throws(CNIError) -> SavedConfiguration? {
        for path in [ownPath(identity), sharedPath(identity)].compactMap(\.self) {
            if let saved = try read(path), saved.isUsable(for: identity) { return saved }
        }
        return nil
    }

    /// Saves a configuration so that it outlives a power cut.
    ///
    /// - Returns: What was saved for the attachment before.
    @discardableResult
    func save(
        _ delegate: DelegateConfiguration,
        for identity: AttachmentIdentity
    ) throws(CNIError) -> (path: String, former: SavedConfiguration?) {
        let text = SavedConfiguration.text(delegate, for: identity.attachment)
        return try writing { () throws(SystemCallError) in
            try makeDirectory()
            let own = ownPath(identity)
            if let former = try readFile(own) {
                try File.replace(own, with: text, durability: .powerCut)
                return (own, former)
            }
            guard let shared = sharedPath(identity) else {
                try File.create(own, with: text, durability: .powerCut)
                return (own, nil)
            }
            if let former = try readFile(shared), former.isMarked(identity) {
                try File.replace(shared, with: text, durability: .powerCut)
                return (shared, former)
            }
            do throws(SystemCallError) {
                try File.create(shared, with: text, durability: .powerCut)
                return (shared, nil)
            } catch {
                guard error.number == .exists else { throw error }
                // Another interface's, another network's, or one that does not say whose it is.
                try File.create(own, with: text, durability: .powerCut)
                return (own, nil)
            }
        }
    }

    /// Puts back what was there before a save.
    func restore(_ path: String, _ former: SavedConfiguration?) throws(CNIError) {
        guard let former else { return try remove(path) }
        try writing { () throws(SystemCallError) in
            try File.replace(path, with: former.contents, durability: .powerCut)
        }
    }

    /// Removes a file; it may be gone already.
    func remove(_ path: String) throws(CNIError) {
        try writing { () throws(SystemCallError) in _ = try File.remove(path) }
    }

    /// Removes what a killed ADD of an attachment left half-written.
    func removeLeftovers(_ identity: AttachmentIdentity) throws(CNIError) {
        let stems = [ownPath(identity), sharedPath(identity)].compactMap(\.self).map { Path.lastComponent(of: $0) }
        for name in try names() where stems.contains(where: { File.isTemporary(name, of: $0) }) {
            try remove("\(directory)/\(name)")
        }
    }

    /// Everything that was saved for a network.
    func all(of network: String) throws(CNIError) -> [SavedConfiguration] {
        var found: [SavedConfiguration] = []
        for name in try names() where !name.hasPrefix(".") {
            // What somebody else keeps here, a directory say, is not ours to judge.
            guard let saved = try? read("\(directory)/\(name)"), saved.network == network else { continue }
            found.append(saved)
        }
        return found
    }

    /// Where flannel's own plugin looks; nil when the ID is too long for a file name.
    private func sharedPath(_ identity: AttachmentIdentity) -> String? {
        let name = identity.attachment.containerID
        return name.utf8.count <= 255 ? "\(directory)/\(name)" : nil
    }

    /// A name of at most 249 bytes; the digest keeps it apart from every other, whatever IDs and interfaces are called.
    private func ownPath(_ identity: AttachmentIdentity) -> String {
        let attachment = identity.attachment
        return "\(directory)/\(attachment.containerID.prefix(200)).\(attachment.interfaceName).\(identity.shortDigest)"
    }

    private func names() throws(CNIError) -> [String] {
        try writing { () throws(SystemCallError) in try Directory.namesIfPresent(in: directory) ?? [] }
    }

    private func read(_ path: String) throws(CNIError) -> SavedConfiguration? {
        try writing { () throws(SystemCallError) in try readFile(path) }
    }

    private func readFile(_ path: String) throws(SystemCallError) -> SavedConfiguration? {
        try File.contentsIfPresent(of: path).map { SavedConfiguration(path: path, contents: $0) }
    }

    /// Makes the directory and those above it, and has their names outlive a power cut as well.
    private func makeDirectory() throws(SystemCallError) {
        var missing: [String] = []
        var path = directory
        while !Directory.exists(path), Path.parent(of: path) != path, path != "." {
            missing.append(path)
            path = Path.parent(of: path)
        }
        guard !missing.isEmpty else { return }
        try Directory.create(directory, mode: 0o700)
        for path in missing { try Directory.flush(Path.parent(of: path)) }
    }

    private func writing<Result>(_ body: () throws(SystemCallError) -> Result) throws(CNIError) -> Result {
        do { return try body() } catch {
            throw CNIError(.inputOutput, "dataDir \(directory): saved configurations are not accessible: \(error)")
        }
    }
}
