// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import LinuxSystem

/// What was installed into a directory, written down there: only what is still as it was installed is taken away.
struct InstallationRecord: Hashable {
    /// The newest version that was installed.
    var version: ReleaseVersion?
    /// The SHA-256 of each file that was installed, in hexadecimal; while one replaces another both count.
    var files: [String: [String]] = [:]

    /// Nothing is installed.
    init() {}

    /// Reads a file; without one, nothing is installed.
    init(at path: String) throws(InstallationError) {
        let contents: [UInt8]?
        do throws(SystemCallError) { contents = try File.contentsIfPresent(of: path, limit: 1 << 20) } catch {
            throw InstallationError(error)
        }
        guard let contents else { return }
        do throws(JSONError) {
            let document = JSONNode(try JSONValue(parsing: contents))
            version = try document.member("version").map { (node) throws(JSONError) in try node.string() }
                .flatMap(ReleaseVersion.init)
            let sums = try document.requiredMember("files")
            for name in try sums.object().members.map(\.key) {
                files[name] = try sums.requiredMember(name).strings()
            }
        } catch {
            throw InstallationError(
                .record,
                "\(path): \(error)",
                advice: "remove it; the plugins then count as somebody else's, and are kept as such"
            )
        }
    }

    /// Replaces the file, so that it outlives a power cut.
    func write(to path: String) throws(InstallationError) {
        var members = JSONObject()
        for (name, sums) in files.sorted(by: { $0.key < $1.key }) { members[name] = .strings(sums) }
        let document: JSONValue = ["version": version.map { .string($0.text) } ?? .null, "files": .object(members)]
        do throws(SystemCallError) {
            try File.replace(path, with: document.text(.indented), mode: 0o644, durability: .powerCut)
        } catch { throw InstallationError(error) }
    }
}
