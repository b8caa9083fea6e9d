// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import IPAddresses
public import LinuxSystem

/// The addresses that one network has given to containers, on disk, shared with other processes and with the
/// reference's `host-local`.
///
/// Every operation is one critical section under the lock that the reference takes too.
public struct ReservationStore {
    let network: String
    let folder: ReservationFolder
    let indexDirectory: String
    let boot: Boot

    /// Where the reference keeps reservations unless told otherwise.
    public static let defaultDataDirectory = "/var/lib/cni/networks"

    /// Names a network's store; nothing is opened or made.
    ///
    /// - Parameters:
    ///   - dataDirectory: The folder of all networks; must be an absolute path.
    ///   - network: A valid network name.
    ///   - boot: The boot that new reservations belong to.
    /// - Throws: ``CNIError`` with code 7.
    public init(dataDirectory: String, network: String, boot: Boot = .current) throws(CNIError) {
        guard dataDirectory.utf8.first == UInt8(ascii: "/"), !dataDirectory.utf8.contains(0) else {
            throw CNIError(
                .invalidConfiguration,
                "ipam.dataDir: \"\(dataDirectory)\" is not usable, must be an absolute path"
            )
        }
        // A name with a slash or of dots alone would lead out of the data directory.
        if let problem = Identifier.problem(withName: network) {
            throw CNIError(.invalidConfiguration, "network configuration: name: \"\(network)\" \(problem)")
        }
        self.network = network
        self.boot = boot
        folder = ReservationFolder(path: "\(dataDirectory)/\(network)")
        // Network names begin with a letter or a digit: none is ".index".
        indexDirectory = "\(dataDirectory)/.index/\(network)"
    }

    /// The addresses that an attachment holds, in the order they were granted.
    public func addresses(of attachment: AttachmentID) throws(CNIError) -> [IPAddress] {
        guard folder.exists else { return [] }
        return try withIndex { (index) throws(StoreFailure) in
            try holdings(of: attachment, in: &index).addresses
        }
    }

    /// Frees all addresses of an attachment; there may be none.
    ///
    /// - Returns: The addresses that were freed.
    @discardableResult
    public func releaseAddresses(of attachment: AttachmentID) throws(CNIError) -> [IPAddress] {
        guard folder.exists else { return [] }
        return try withIndex { (index) throws(StoreFailure) in
            let held = try holdings(of: attachment, in: &index)
            for address in held.addresses {
                try attempt { () throws(SystemCallError) in try folder.remove(address) }
                try index.remove(address, of: held.owner)
            }
            return held.addresses
        }
    }

    /// Frees all addresses of attachments that are not among the given ones.
    ///
    /// A reservation of before plugins 0.8, which names no interface, stays while its container has a valid one.
    ///
    /// - Returns: The addresses that were freed.
    @discardableResult
    public func releaseAddresses(exceptOf valid: Set<AttachmentID>) throws(CNIError) -> [IPAddress] {
        guard folder.exists else { return [] }
        let containers = Set(valid.map(\.containerID))
        return try withLock { () throws(SystemCallError) in
            var kept: [ReservationFolder.Entry] = []
            var freed: [IPAddress] = []
            for entry in try folder.sweep() {
                guard let owner = entry.owner, !valid.contains(owner),
                    !(owner.interfaceName.isEmpty && containers.contains(owner.containerID))
                else {
                    kept.append(entry)
                    continue
                }
                try folder.remove(entry.address)
                freed.append(entry.address)
            }
            var index = ReservationIndex(
                rebuiltFrom: kept,
                of: folder,
                in: indexDirectory,
                network: network,
                boot: boot
            )
            index.save()
            return freed
        }
    }

    /// Verifies that an address could be granted from each of some range sets now.
    ///
    /// Addresses reserved in an earlier boot count as free.
    ///
    /// - Throws: ``CNIError`` with code 50 for a set without a free address, or a folder that cannot be written.
    public func requireAvailability(in sets: [RangeSet]) throws(CNIError) {
        let full: Int?
        do throws(CNIError) {
            try attemptCNI { () throws(SystemCallError) in
                try folder.create()
                // What ADD will do there can be told only by doing it; the folder itself is left as it is.
                try Directory.create(indexDirectory, mode: 0o755)
                try File.overwrite("\(indexDirectory)/probe", with: [1])
                try File.remove("\(indexDirectory)/probe")
            }
            full = try withIndex { (index) throws(StoreFailure) in try firstFull(of: sets, in: &index) }
        } catch {
            throw CNIError(
                .unavailable,
                "no address can be reserved: \(folder.path) is not usable",
                details: error.description
            )
        }
        if let full {
            throw CNIError(
                .unavailable,
                "no IP addresses available in range set: \(sets[full]): all \(sets[full].capacity) are reserved",
                details: Self.exhaustionAdvice
            )
        }
    }

    private func firstFull(of sets: [RangeSet], in index: inout ReservationIndex) throws(StoreFailure) -> Int? {
        for (position, set) in sets.enumerated() {
            if try index.next(.free, in: set, after: nil) != nil { continue }
            if try nextReclaimable(in: set, after: nil, index: &index) != nil { continue }
            return position
        }
        return nil
    }

    /// What to do about a full range set.
    static let exhaustionAdvice =
        "remove containers, run GC (cnitool gc) to free addresses of removed ones, or add a range"
}
