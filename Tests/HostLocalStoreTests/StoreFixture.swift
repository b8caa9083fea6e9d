// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import HostLocalStore
import IPAddresses
import LinuxSystem
import LinuxTesting

/// A data directory of one network, and short ways to say what happens in it.
final class StoreFixture: Sendable {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// The folder of reservations.
    var folder: String { directory.appending("net") }
    /// The side index.
    var index: String { directory.appending(".index/net") }

    func store(boot: Boot = .thisOne) throws -> ReservationStore {
        try ReservationStore(dataDirectory: directory.path, network: "net", boot: boot)
    }

    /// Reserves for interface eth0 of a container and returns the addresses' texts.
    @discardableResult
    func add(
        _ container: String,
        _ sets: [RangeSet],
        requested: [String] = [],
        boot: Boot = .thisOne
    ) throws -> [String] {
        try store(boot: boot)
            .reserve(sets, requested: requested.compactMap { IPAddress($0) }, for: .eth0(container))
            .map(\.address.description)
    }

    @discardableResult
    func delete(_ container: String, boot: Boot = .thisOne) throws -> [String] {
        try store(boot: boot).releaseAddresses(of: .eth0(container)).map(\.description)
    }

    func addresses(of container: String) throws -> [String] {
        try store().addresses(of: .eth0(container)).map(\.description)
    }

    /// The names of all reservations in the folder, sorted.
    func reservations() throws -> [String] {
        try Directory.names(in: folder).filter { IPAddress($0) != nil }.sorted()
    }

    /// Writes a file of the folder as another program would.
    func write(_ name: String, _ contents: String) throws {
        try Directory.create(folder, mode: 0o755)
        try File.replace("\(folder)/\(name)", with: Array(contents.utf8))
    }

    func read(_ name: String) throws -> String {
        String(decoding: try File.contents(of: "\(folder)/\(name)"), as: UTF8.self)
    }

    /// Gives a file of the folder the time of an earlier boot.
    func age(_ name: String) throws {
        let time = Directory.modificationTime(of: folder)
        try Directory.setModificationTime(of: "\(folder)/\(name)", nanoseconds: Boot.thisOne.start - 3_600_000_000_000)
        // Only the file's own time changes, as if it had lain there.
        try Directory.setModificationTime(of: folder, nanoseconds: time ?? 0)
    }

    /// Whether the next call will trust the index.
    var indexIsVouchedFor: Bool {
        guard let state = try? File.contents(of: "\(index)/state"),
            let time = Directory.modificationTime(of: folder)
        else { return false }
        return state.starts(with: "2 \(time) ".utf8)
    }
}

extension Boot {
    /// The boot that a test runs in: began ten minutes ago.
    static let thisOne = Boot(
        identifier: "11111111-1111-4111-8111-111111111111",
        start: SystemClock.now - 600_000_000_000
    )
    /// The one after it: begins in ten minutes, so that all files written now are older.
    static let next = Boot(identifier: "22222222-2222-4222-8222-222222222222", start: SystemClock.now + 600_000_000_000)
}

extension AttachmentID {
    static func eth0(_ container: String) -> AttachmentID {
        AttachmentID(containerID: container, interfaceName: "eth0")
    }
}

extension RangeSet {
    /// A set of whole subnets, or of parts written "subnet start end".
    static func of(_ ranges: String..., gateway: String? = nil, exclude: [String] = []) throws -> RangeSet {
        try RangeSet(
            ranges.enumerated().map { index, text in
                let words = text.split(separator: " ")
                guard let subnet = IPPrefix(words[0]) else { throw CNIError(.decoding, text) }
                return try AddressRange(
                    subnet: subnet,
                    start: words.count > 1 ? IPAddress(words[1]) : nil,
                    end: words.count > 2 ? IPAddress(words[2]) : nil,
                    gateway: gateway.flatMap { IPAddress($0) },
                    excluded: exclude.compactMap { IPPrefix($0) },
                    path: "ranges[\(index)]"
                )
            },
            path: "ranges"
        )
    }
}
