// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import Overlay

/// What a node keeps for itself: who it is, and which shared directories it has used.
struct NodeIdentity {
    /// Where it is kept.
    let stateDirectory: String
    /// The node's name in the store.
    let node: String

    /// Reads the node's identity, or makes one, once and for all.
    init(in stateDirectory: String) throws(OverlayError) {
        self.stateDirectory = stateDirectory
        let path = "\(stateDirectory)/node-id"
        let contents: [UInt8]
        do throws(SystemCallError) {
            let known = try File.contentsIfPresent(of: path, limit: 4096)
            contents = if let known { known } else { try Self.make(path) }
        } catch { throw OverlayError(.localFile, error, advice: "this node's identity is kept there") }
        node = try Self.name(contents, path)
    }

    private static func make(_ path: String) throws(SystemCallError) -> [UInt8] {
        try Directory.create(Path.parent(of: path), mode: 0o755)
        let digits = (0..<32).map { _ in String(Int.random(in: 0..<16), radix: 16) }.joined()
        let temporary = "\(path).\(digits).tmp"
        try File.write(new: temporary, with: Array("\(digits)\n".utf8), mode: 0o600, durability: .powerCut)
        defer { _ = try? File.remove(temporary) }
        do throws(SystemCallError) { try File.link(temporary, to: path) } catch {
            // Another store of this node was faster: its identity is the node's.
            guard error.number == .exists else { throw error }
        }
        try Directory.flush(Path.parent(of: path))
        return try File.contents(of: path, limit: 4096)
    }

    /// Whether this node has used a shared directory before.
    func hasUsed(_ directory: String) -> Bool { usedDirectories.contains(directory) }

    /// Notes that this node uses a shared directory.
    func noteUse(of directory: String) throws(OverlayError) {
        let used = usedDirectories
        guard !used.contains(directory) else { return }
        let text = (used + [directory]).map { "\($0)\n" }.joined()
        do throws(SystemCallError) {
            try File.replace(usedDirectoriesPath, with: Array(text.utf8), durability: .powerCut)
        } catch { throw OverlayError(.localFile, error) }
    }

    /// Where the shared directories are listed, one in a line.
    var usedDirectoriesPath: String { "\(stateDirectory)/stores" }

    private var usedDirectories: [String] {
        let contents = (try? File.contentsIfPresent(of: usedDirectoriesPath)) ?? nil
        return String(decoding: contents ?? [], as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// An identity made by hand, such as the host's name, is as good.
    private static func name(_ contents: [UInt8], _ path: String) throws(OverlayError) -> String {
        let name = String(decoding: contents, as: UTF8.self).filter { !$0.isWhitespace }
        let isUsable = name.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        guard (1...64).contains(name.utf8.count), isUsable else {
            throw OverlayError(
                .localFile,
                "\(path) holds no identity",
                advice: "write 1 to 64 letters, digits, '-', '_' or '.', or remove it to have one made"
            )
        }
        return name
    }
}
