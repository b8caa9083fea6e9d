// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import IPAddresses
internal import LinuxSystem

/// The folder `<dataDir>/<network>/` in the reference's layout: a file per reserved address, named by it,
/// `last_reserved_ip.<N>` per range set, and `lock`.
///
/// Files appear complete: they are written under a name with a leading dot, which the reference does not read as an
/// address, and renamed. Nothing is flushed: a reservation means nothing after a power cut.
struct ReservationFolder {
    /// The absolute path.
    let path: String

    /// One reservation found in the folder.
    struct Entry {
        let address: IPAddress
        /// Nil when the file cannot be read: the address is taken, by nobody we know.
        let owner: AttachmentID?
    }

    /// Waits for the lock that both suites take; the folder must exist.
    func lock() throws(SystemCallError) -> FileLock { try FileLock.acquire("\(path)/lock", mode: 0o750) }

    /// Makes the folder and those above it.
    func create() throws(SystemCallError) { try Directory.create(path, mode: 0o755) }

    /// Whether the folder exists.
    var exists: Bool { Directory.exists(path) }

    /// What is written about an address; nil when it is free.
    func reservation(of address: IPAddress) throws(SystemCallError) -> Reservation? {
        try File.contentsIfPresent(of: file(of: address), limit: Self.reservationLimit)
            .map { Reservation(contents: $0) }
    }

    /// Reserves a free address.
    ///
    /// - Throws: `EEXIST` when it is not free.
    func create(_ address: IPAddress, for attachment: AttachmentID) throws(SystemCallError) {
        try File.create(file(of: address), with: Reservation.contents(for: attachment))
    }

    /// Hands a reserved address over, without a moment in which it is free.
    func replace(_ address: IPAddress, for attachment: AttachmentID) throws(SystemCallError) {
        try File.replace(file(of: address), with: Reservation.contents(for: attachment))
    }

    /// Frees an address; it may be free already.
    func remove(_ address: IPAddress) throws(SystemCallError) { try File.remove(file(of: address)) }

    /// When an address was reserved, in nanoseconds since 1970.
    func reservationTime(of address: IPAddress) -> Int64? { File.modificationTime(of: file(of: address)) }

    /// The address that was handed out last from a range set; nil when none was, or the file is damaged.
    func cursor(ofSet index: Int) -> IPAddress? {
        guard let contents = try? File.contents(of: cursorFile(ofSet: index), limit: Self.reservationLimit) else {
            return nil
        }
        return IPAddress(String(decoding: contents, as: UTF8.self))
    }

    /// Notes the address that was handed out last from a range set.
    ///
    /// Written in place, as the reference does: half an address only moves the point where the search begins.
    func setCursor(ofSet index: Int, to address: IPAddress) throws(SystemCallError) {
        try File.overwrite(cursorFile(ofSet: index), with: Array(address.description.utf8))
    }

    /// Reads all reservations, and removes what dead writers left: under the lock nobody is in the middle of writing,
    /// so an empty or torn file will never be completed.
    func sweep() throws(SystemCallError) -> [Entry] {
        var entries: [Entry] = []
        for name in try Directory.names(in: path) {
            if name.hasPrefix(".") && name.hasSuffix(".tmp") {
                try File.remove("\(path)/\(name)")
                continue
            }
            // Only names that both suites would write: one address must not be in two files.
            guard let address = IPAddress(name), address.description == name else { continue }
            guard let reservation = try? reservation(of: address) else {
                entries.append(Entry(address: address, owner: nil))
                continue
            }
            switch reservation {
            case .owned(let owner): entries.append(Entry(address: address, owner: owner))
            case .torn: try remove(address)
            }
        }
        return entries
    }

    /// More than two names: a container's comes from the environment, whose strings end at 128 KiB (`MAX_ARG_STRLEN`).
    private static let reservationLimit = 256 << 10

    private func file(of address: IPAddress) -> String { "\(path)/\(address)" }
    private func cursorFile(ofSet index: Int) -> String { "\(path)/last_reserved_ip.\(index)" }
}
