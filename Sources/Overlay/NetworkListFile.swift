// swift-cni, SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// The list that makes a runtime use the overlay: `/etc/cni/net.d/10-flannel.conflist`.
///
/// It is there exactly while the overlay can be used: written when it is ready, and removed at the start in a new boot, for
/// `/etc` survives a reboot and the overlay does not. A file of somebody else is never touched: what was written is
/// remembered, and only a file with just that content counts as ours.
public struct NetworkListFile: Sendable {
    /// Where the list is.
    public let path: String
    /// Where a copy of what was written is kept, below a directory that survives reboots.
    public let record: String

    /// - Parameters:
    ///   - directory: `--cni-conf-dir`.
    ///   - stateDirectory: Where the copy is kept, such as `/var/lib/flannel`.
    public init(directory: String, stateDirectory: String) {
        path = "\(directory)/10-flannel.conflist"
        record = "\(stateDirectory)/10-flannel.conflist"
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
            return try File.contentsIfPresent(of: record) != content
        }
    }

    /// Writes the list, unless it is there already.
    ///
    /// - Returns: Whether it was written.
    @discardableResult
    public func install(_ content: [UInt8]) throws(SystemCallError) -> Bool {
        if try File.contentsIfPresent(of: path) == content, try File.contentsIfPresent(of: record) == content {
            return false
        }
        try Directory.create(Path.parent(of: record), mode: 0o755)
        try Directory.create(Path.parent(of: path), mode: 0o755)
        // The record first: a list without one would be taken for somebody else's and stay for ever.
        try File.replace(record, with: content, mode: 0o600, durability: .powerCut)
        try File.replace(path, with: content, mode: 0o644, durability: .powerCut)
        return true
    }

    /// Removes the list if it is what was written here.
    ///
    /// - Returns: Whether there was one.
    @discardableResult
    public func removeIfOurs() throws(SystemCallError) -> Bool {
        guard let content = try File.contentsIfPresent(of: path), try File.contentsIfPresent(of: record) == content
        else { return false }
        return try File.remove(path)
    }
}
