// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import LinuxSystem

/// Puts plugins into the directory where a runtime looks for them, and takes them away again.
///
/// A plugin is there, complete, at any moment: each is renamed into its place, and one that runs goes on running. What
/// somebody else had there is kept beside, and comes back with ``uninstall()``. Both can be repeated after whatever
/// interrupted them, and wait for each other.
public struct PluginInstaller: Sendable {
    /// What was done with one plugin.
    public struct Step: Hashable, Sendable {
        /// What was done.
        public enum Kind: String, Hashable, Sendable {
            /// There was none.
            case installed
            /// An earlier one of ours was there.
            case updated
            /// Somebody else's was there; it is kept.
            case replaced
            /// It was there already.
            case unchanged
            /// Ours is gone; there was none before it.
            case removed
            /// Ours is gone, and what was there before is back.
            case restored
            /// Somebody has changed ours since; theirs stays.
            case left
        }

        /// The plugin.
        public let name: String
        /// What was done.
        public let kind: Kind
    }

    private let target: String
    private var memory: String { "\(target)/.swift-cni" }
    private var recordPath: String { "\(memory)/installed.json" }
    private func kept(_ name: String) -> String { "\(memory)/replaced/\(name)" }
    private static var largestPlugin: Int { 256 << 20 }

    /// - Parameter target: Where the runtime looks, such as `/opt/cni/bin`.
    public init(target: String) { self.target = target }

    /// Installs all plugins of a directory.
    ///
    /// - Parameter source: A directory of plugins, and a file `version` that says which release they are.
    /// - Throws: `downgrade` when a newer release is installed, and that is not allowed; then nothing has changed.
    public func install(from source: String, allowingDowngrade: Bool) throws(InstallationError) -> [Step] {
        let version = try Self.version(in: source)
        let names = try Self.plugins(in: source)
        return try locked { (record) throws(InstallationError) in
            if let installed = record.version, installed > version, !allowingDowngrade {
                throw InstallationError(
                    .downgrade,
                    "version \(installed.text) is installed in \(target), and this is \(version.text), which is older",
                    advice: "to go back all the same, add --allow-downgrade"
                )
            }
            record.version = version
            var steps: [Step] = []
            for name in names { steps.append(try place(name, from: source, &record)) }
            for name in record.files.keys.sorted() where !names.contains(name) {
                steps.append(try takeAway(name, &record))
            }
            try record.write(to: recordPath)
            return steps
        }
    }

    /// Takes away what was installed, and puts back what had been there before.
    public func uninstall() throws(InstallationError) -> [Step] {
        guard Directory.exists(memory) else { return [] }
        return try locked { (record) throws(InstallationError) in
            var steps: [Step] = []
            for name in record.files.keys.sorted() { steps.append(try takeAway(name, &record)) }
            try calling { () throws(SystemCallError) in
                _ = try File.remove(recordPath)
                _ = try Directory.remove("\(memory)/replaced")
                _ = try Directory.remove(memory)
            }
            return steps
        }
    }

    private func locked<Result>(
        _ body: (inout InstallationRecord) throws(InstallationError) -> Result
    ) throws(InstallationError) -> Result {
        let lock = try lock()
        var record = try InstallationRecord(at: recordPath)
        try removeLeftovers(record)
        let result = try body(&record)
        withExtendedLifetime(lock) {}
        return result
    }

    /// Removes what one that was killed has left: half written files, and second names of what was being replaced.
    private func removeLeftovers(_ record: InstallationRecord) throws(InstallationError) {
        let names = Array(record.files.keys)
        let places: [(directory: String, isLeftover: (String) -> Bool)] = [
            (target, { name in names.contains { File.isTemporary(name, of: $0) } }),
            (memory, { File.isTemporary($0, of: Path.lastComponent(of: recordPath)) }),
            ("\(memory)/replaced", { $0.hasPrefix(".") }),
        ]
        try calling { () throws(SystemCallError) in
            for place in places {
                for name in try Directory.names(in: place.directory) where place.isLeftover(name) {
                    try File.remove("\(place.directory)/\(name)")
                }
            }
        }
    }

    private func lock() throws(InstallationError) -> FileLock {
        do throws(SystemCallError) {
            try Directory.create(target, mode: 0o755)
            let lock = try FileLock.acquire(directory: target)
            try Directory.create("\(memory)/replaced", mode: 0o755)
            return lock
        } catch { throw InstallationError(error) }
    }

    private func place(
        _ name: String,
        from source: String,
        _ record: inout InstallationRecord
    ) throws(InstallationError) -> Step {
        let path = "\(target)/\(name)"
        let contents = try calling { () throws(SystemCallError) in
            try File.contents(of: "\(source)/\(name)", limit: Self.largestPlugin)
        }
        let sum = Self.sum(contents)
        let known = record.files[name] ?? []
        let found = try self.sum(of: path)
        let kind: Step.Kind = found.map { known.contains($0) ? .updated : .replaced } ?? .installed
        if found == sum, kind == .updated {
            record.files[name] = [sum]
            return Step(name: name, kind: .unchanged)
        }
        // Written down before it is there: what a crash leaves must be known as ours.
        record.files[name] = known.filter { $0 == found } + [sum]
        try record.write(to: recordPath)
        try calling { () throws(SystemCallError) in
            if kind == .replaced { try keep(name) }
            try File.replace(path, with: contents, mode: 0o755, durability: .powerCut)
        }
        record.files[name] = [sum]
        return Step(name: name, kind: kind)
    }

    /// Gives what is there a second name, under which it stays when the first is given to another file.
    private func keep(_ name: String) throws(SystemCallError) {
        let new = "\(memory)/replaced/.\(name).new"
        _ = try File.remove(new)
        try File.link("\(target)/\(name)", to: new)
        try File.rename(new, to: kept(name))
        // Two names of one file are not renamed onto each other: the first of them stays.
        _ = try File.remove(new)
    }

    private func takeAway(_ name: String, _ record: inout InstallationRecord) throws(InstallationError) -> Step {
        let path = "\(target)/\(name)"
        let known = record.files.removeValue(forKey: name) ?? []
        let found = try sum(of: path)
        return try calling { () throws(SystemCallError) in
            if let found, !known.contains(found) {
                _ = try File.remove(kept(name))
                return Step(name: name, kind: .left)
            }
            do throws(SystemCallError) {
                try File.rename(kept(name), to: path)
                return Step(name: name, kind: .restored)
            } catch {
                guard error.number == .noSuchFile else { throw error }
            }
            _ = try File.remove(path)
            return Step(name: name, kind: .removed)
        }
    }

    private func sum(of path: String) throws(InstallationError) -> String? {
        try calling { () throws(SystemCallError) in
            try File.contentsIfPresent(of: path, limit: Self.largestPlugin).map(Self.sum)
        }
    }

    private static func sum(_ contents: [UInt8]) -> String { SHA256.hash(contents).hexadecimal }

    private func calling<Result>(
        _ body: () throws(SystemCallError) -> Result
    ) throws(InstallationError) -> Result {
        do throws(SystemCallError) { return try body() } catch { throw InstallationError(error) }
    }

    private static func version(in source: String) throws(InstallationError) -> ReleaseVersion {
        let path = "\(source)/version"
        let contents: [UInt8]
        do throws(SystemCallError) { contents = try File.contents(of: path, limit: 1 << 10) } catch {
            throw InstallationError(
                .source,
                "\(error)",
                advice: "name the directory of a release, with its file \"version\", with --source"
            )
        }
        let text = String(decoding: contents, as: UTF8.self).split(whereSeparator: \.isWhitespace).first ?? ""
        guard let version = ReleaseVersion(String(text)) else {
            throw InstallationError(.source, "\(path): \"\(text)\" is no version such as 1.4.0")
        }
        return version
    }

    private static func plugins(in source: String) throws(InstallationError) -> [String] {
        let names: [String]
        do throws(SystemCallError) { names = try Directory.names(in: source) } catch { throw InstallationError(error) }
        let plugins = names.filter { $0 != "version" && !$0.hasPrefix(".") && File.isRegular("\(source)/\($0)") }
        guard !plugins.isEmpty else { throw InstallationError(.source, "\(source) holds no plugins") }
        return plugins.sorted()
    }
}
