// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import LinuxSystem
internal import Overlay

/// The number of this node's etcd lease, chosen once and kept over reboots.
///
/// A key that ends with that lease is this node's, whatever address the node has by now; and a grant that is repeated
/// because its answer was lost leaves no second lease behind.
enum LeaseNumber {
    /// Reads the number for a network, or chooses one.
    ///
    /// - Parameter prefix: Two networks of one etcd must not share a lease: to give one back would end both.
    static func read(in stateDirectory: String, prefix: String) throws(OverlayError) -> Int64 {
        let path = "\(stateDirectory)/etcd-leases.json"
        var known: [JSONValue] = []
        do {
            let contents = try File.contentsIfPresent(of: path, limit: 1 << 20)
            let elements = try contents.map { try JSONNode(try JSONValue(parsing: $0)).elements() } ?? []
            for element in elements where try element.requiredMember("Prefix").string() == prefix {
                return try element.requiredMember("Lease").integer(in: 1...Int64.max)
            }
            known = elements.map(\.value)
        } catch let error as SystemCallError {
            throw OverlayError(.localFile, error, advice: purpose)
        } catch {
            throw OverlayError(
                .localFile,
                "\(path): \(error)",
                advice: "remove the file: the node then finds its lease by its public address"
            )
        }
        let number = Int64.random(in: 1 << 32...Int64.max)
        known.append(["Prefix": .string(prefix), "Lease": .integer(number)])
        do throws(SystemCallError) {
            try Directory.create(stateDirectory, mode: 0o755)
            let text = JSONValue.array(known).text(.indented) + [UInt8(ascii: "\n")]
            try File.replace(path, with: text, durability: .powerCut)
        } catch { throw OverlayError(.localFile, error, advice: purpose) }
        return number
    }

    private static var purpose: String { "the number of this node's lease is kept there" }
}
