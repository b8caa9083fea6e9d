// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
internal import JSON
internal import LinuxSystem

/// What the daemon did on this node, on its disk: only what it made itself may it remove.
public struct NodeRecord: Hashable, Sendable {
    /// The names of tunnel devices that it made or took over.
    public var devices: [String] = []
    /// The networks that it made routes in.
    public var networks: [IPPrefix] = []
    /// Whether the routes that flannel left have been taken over, which happens once.
    public var hasAdopted = false

    /// A node on which nothing was done yet.
    public init() {}

    /// Where it is, below a directory that outlives reboots.
    public static func path(in stateDirectory: String) -> String { "\(stateDirectory)/flanneld.json" }

    /// Reads a file; without one, nothing was done yet.
    public init(at path: String) throws(OverlayError) {
        let contents: [UInt8]?
        do throws(SystemCallError) { contents = try File.contentsIfPresent(of: path, limit: 1 << 20) } catch {
            throw OverlayError(.localFile, error)
        }
        guard let contents else { return }
        do throws(JSONError) {
            let document = JSONNode(try JSONValue(parsing: contents))
            devices = try document.member("devices")?.strings() ?? []
            // An earlier version did not write it.
            networks = try document.member("networks")?.strings().compactMap { IPPrefix($0) } ?? []
            hasAdopted = try document.member("hasAdopted")?.boolean() ?? false
        } catch {
            throw OverlayError(
                .malformedText,
                "\(path): \(error)",
                advice: "remove it; tunnel devices and routes of an earlier configuration then stay"
            )
        }
    }

    /// Replaces the file, so that it outlives a power cut.
    public func write(to path: String) throws(OverlayError) {
        let document: JSONValue = [
            "devices": .strings(devices), "networks": .strings(networks.map(\.description)),
            "hasAdopted": .boolean(hasAdopted),
        ]
        do throws(SystemCallError) {
            try Directory.create(Path.parent(of: path), mode: 0o755)
            try File.replace(path, with: document.text(), mode: 0o600, durability: .powerCut)
        } catch { throw OverlayError(.localFile, error) }
    }
}
