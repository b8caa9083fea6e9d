// swift-cni, SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// The list that makes a runtime use the overlay: `/etc/cni/net.d/10-flannel.conflist`.
///
/// It is there exactly while the overlay can be used: written when it is ready, and removed at the start in a new boot, for
/// `/etc` survives a reboot and the overlay does not. A file of somebody else is never touched: what was written is
/// remembered, and only a file with just that content counts as ours; while one content replaces another, with either.
public struct NetworkListFile: Sendable {
    /// Where the list is.
    public let path: String
    /// Where a copy of what was written is kept, below a directory that survives reboots.
    public let record: String
    /// Where a copy of what is about to be written is kept beside it, until it is written.
    private let nextRecord: String

    /// - Parameters:
    ///   - directory: `--cni-conf-dir`.
    ///   - stateDirectory: Where the copy is kept, such as `/var/lib/flannel`.
    public init(directory: String, stateDirectory: String) {
        path = "\(directory)/10-flannel.conflist"
        record = "\(stateDirectory)/10-flannel.conflist"
        nextRecord = "\(record).next"
    }

    /// What is written unless a template is given: `flannel`, then `portmap`.
    public static var template: [UInt8] {
        Array(
            """
            {
              "name": "cbr0",
              "cniVersion": "1.0.0",
              "cniVersions": ["1.0.0", "1.1.0"],
              "plugins": [
                { "type": "flannel", "delegate": { "hairpinMode": true, "isDefaultGateway": true } },
                { "type": "portmap", "capabilities": { "portMappings": true } }
              ]
            }

            """.utf8
        )
    }

    /// Whether there is a list in its place that was not written here.
    public var isForeign: Bool {
        get throws(SystemCallError) {
            guard let content = try File.contentsIfPresent(of: path) else { return false }
            return try !isOurs(content)
        }
    }

    /// All files in which is kept what was written; without them no list counts as ours.
    public var records: [String] { [record, nextRecord] }

    private func isOurs(_ content: [UInt8]) throws(SystemCallError) -> Bool {
        for path in records where try File.contentsIfPresent(of: path) == content { return true }
        return false
    }

    /// Writes the list, unless it is there already.
    ///
    /// - Returns: Whether it was written.
    @discardableResult
    public func install(_ content: [UInt8]) throws(SystemCallError) -> Bool {
        let present = try File.contentsIfPresent(of: path)
        let recorded = try File.contentsIfPresent(of: record)
        if present == content, recorded == content { return false }
        try Directory.create(Path.parent(of: record), mode: 0o755)
        try Directory.create(Path.parent(of: path), mode: 0o755)
        // Noted before and after: wherever this fails or ends, one of the two says what the list is. Otherwise it would be
        // taken for somebody else's and stay for ever.
        if let present, present != recorded, try File.contentsIfPresent(of: nextRecord) == present {
            try File.replace(record, with: present, mode: 0o600, durability: .powerCut)
        }
        try File.replace(nextRecord, with: content, mode: 0o600, durability: .powerCut)
        try File.replace(path, with: content, mode: 0o644, durability: .powerCut)
        try File.replace(record, with: content, mode: 0o600, durability: .powerCut)
        try File.remove(nextRecord)
        return true
    }

    /// Removes the list if it is what was written here.
    ///
    /// - Returns: Whether there was one.
    @discardableResult
    public func removeIfOurs() throws(SystemCallError) -> Bool {
        guard let content = try File.contentsIfPresent(of: path), try isOurs(content) else { return false }
        return try File.remove(path)
    }
}
