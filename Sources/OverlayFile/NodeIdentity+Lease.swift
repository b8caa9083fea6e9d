// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import Overlay

/// Which lease a node has in which shared directory, and when it renewed it last.
///
/// A file that cannot be read does not say whose it is: then the node's own word counts.
extension NodeIdentity {
    private struct Entry {
        var renewedAt: Int64
        var key: String
        var directory: String

        init(renewedAt: Int64, key: String, directory: String) {
            (self.renewedAt, self.key, self.directory) = (renewedAt, key, directory)
        }

        init?(_ line: Substring) {
            let words = line.split(separator: " ", maxSplits: 2)
            guard words.count == 3, let renewedAt = Int64(words[0]) else { return nil }
            self.init(renewedAt: renewedAt, key: String(words[1]), directory: String(words[2]))
        }

        var line: String { "\(renewedAt) \(key) \(directory)\n" }
    }

    /// Notes that the node has taken or renewed its lease in a directory; nil when it has given it back.
    func note(lease key: String?, in directory: String) throws(OverlayError) {
        var entries = entries.filter { $0.directory != directory }
        if let key { entries.append(Entry(renewedAt: Self.now, key: key, directory: directory)) }
        let text = entries.map(\.line).joined()
        do throws(SystemCallError) {
            if text.isEmpty {
                _ = try File.remove(leasesPath)
            } else {
                try File.replace(leasesPath, with: Array(text.utf8))
            }
        } catch { throw OverlayError(.localFile, error) }
    }

    /// The lease that nobody else can have been given: the node renewed it less than its TTL ago.
    ///
    /// After a clock that was set back the time is not known, and neither is the lease.
    func certainLease(in directory: String, timeToLive: Int64) -> String? {
        let age = entries.first { $0.directory == directory }.map { (Self.now - $0.renewedAt, $0.key) }
        guard let (seconds, key) = age, (0..<timeToLive).contains(seconds) else { return nil }
        return key
    }

    private static var now: Int64 { SystemClock.now / 1_000_000_000 }

    private var leasesPath: String { "\(stateDirectory)/leases" }

    private var entries: [Entry] {
        let contents = (try? File.contentsIfPresent(of: leasesPath)) ?? nil
        return String(decoding: contents ?? [], as: UTF8.self).split(separator: "\n").compactMap { Entry($0) }
    }
}
