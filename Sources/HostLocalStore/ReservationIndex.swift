// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import IPAddresses
internal import LinuxSystem

/// What makes every verb cost the same at 10 and at 10,000 reservations: a copy of the reservation folder's facts in
/// a form in which they need not be searched.
///
/// In `<dataDir>/.index/<network>/`, which the reference never reads:
///
/// * `blocks/<first address>`: an ``AddressBlock``; absent means that all of its addresses are free.
/// * `holders/<two hex digits>`: a ``HolderBucket`` of the attachments whose digest begins so.
/// * `state`: the modification time of the reservation folder that all of this describes, and the boot it was written
///   in: after a power cut files may be of different ages, so another boot's index is made anew.
///
/// The folder is the truth. Every change is made there first, which moves its modification time off the recorded one;
/// after the index has followed, the folder is given a new time and that is recorded. So a writer that died in between,
/// or one that knows of no index, leaves a state that is recognised and read anew. For the same reason nothing here
/// needs to be written atomically, and failing to write it is no failure of the caller's.
struct ReservationIndex {
    /// The index's directory.
    let directory: String
    /// The folder it describes.
    let folder: ReservationFolder
    private let network: String
    private let boot: Boot
    /// Whether everything is in memory: what is not there does not exist, whatever files say.
    private let isComplete: Bool

    private var blocks: [BlockNumber: Cached<AddressBlock>] = [:]
    private var buckets: [String: Cached<HolderBucket>] = [:]

    /// A piece that was read or made, and whether its file has to follow.
    private struct Cached<Value> {
        var value: Value
        var isChanged = false
    }

    /// The index as the files have it, if they describe the folder as it is now.
    init?(ifValidFor folder: ReservationFolder, in directory: String, network: String, boot: Boot) {
        guard let recorded = try? File.contents(of: "\(directory)/state", limit: 256),
            let time = Directory.modificationTime(of: folder.path),
            recorded == Self.state(time, boot)
        else { return nil }
        self.init(folder: folder, directory: directory, network: network, boot: boot, isComplete: false)
    }

    /// Makes the index anew from the reservations in a folder, and writes it.
    ///
    /// Of an older index only its knowledge of boots is used: a reservation is of an earlier boot when it was not
    /// granted in this one as far as the index knows, and its file is older than this boot by a margin that forgives
    /// a clock that was set meanwhile.
    init(
        rebuiltFrom entries: [ReservationFolder.Entry],
        of folder: ReservationFolder,
        in directory: String,
        network: String,
        boot: Boot
    ) {
        var older = Self(folder: folder, directory: directory, network: network, boot: boot, isComplete: false)
        let isOfEarlierBoot = Self.isUntouchedSinceEarlierBoot(folder, directory, boot)
        self.init(folder: folder, directory: directory, network: network, boot: boot, isComplete: true)
        // From here on the files are no index until they are written in full.
        _ = try? File.remove("\(directory)/state")
        for entry in entries {
            let isKnown = (try? older.isIn(.reserved, entry.address)) ?? false
            let isReclaimable = (try? older.isIn(.reclaimable, entry.address)) ?? true
            let time = folder.reservationTime(of: entry.address) ?? .max
            // What nobody is known to own cannot be handed over.
            let isEarlier =
                entry.owner != nil
                && (isOfEarlierBoot || (isReclaimable || !isKnown) && time < boot.start - Self.clockMargin)
            mark(entry.address, inCurrentBoot: !isEarlier)
            guard let owner = entry.owner else { continue }
            let holder = digest(of: owner)
            buckets[HolderBucket.name(for: holder), default: Cached(value: HolderBucket())].value
                .insert(entry.address, of: holder)
        }
        for number in blocks.keys { blocks[number]?.isChanged = true }
        for name in buckets.keys { buckets[name]?.isChanged = true }
    }

    private init(folder: ReservationFolder, directory: String, network: String, boot: Boot, isComplete: Bool) {
        self.folder = folder
        self.directory = directory
        self.network = network
        self.boot = boot
        self.isComplete = isComplete
    }

    // MARK: Questions

    /// Whether an address is in a state.
    mutating func isIn(_ state: AddressBlock.State, _ address: IPAddress) throws(StoreFailure) -> Bool {
        let number = BlockNumber(of: address)
        return try block(number).isIn(state, at: number.offset(of: address.value))
    }

    /// The addresses of an attachment, by its exact name.
    mutating func addresses(of attachment: AttachmentID) throws(StoreFailure) -> [IPAddress] {
        let holder = digest(of: attachment)
        return try bucket(HolderBucket.name(for: holder)).addresses(of: holder)
    }

    /// The lowest address in a state, of the addresses with the given numbers; they must be of one block.
    mutating func first(
        _ state: AddressBlock.State,
        in values: ClosedRange<UInt128>,
        of number: BlockNumber
    ) throws(StoreFailure) -> UInt128? {
        let offsets = number.offset(of: values.lowerBound)...number.offset(of: values.upperBound)
        return try block(number).first(state, in: offsets).map { number.value(at: $0) }
    }

    // MARK: Changes, after the folder's

    /// Follows a reservation made just now.
    mutating func insert(_ address: IPAddress, for attachment: AttachmentID) throws(StoreFailure) {
        _ = try block(BlockNumber(of: address))
        mark(address, inCurrentBoot: true)
        let holder = digest(of: attachment)
        let name = HolderBucket.name(for: holder)
        var bucket = try bucket(name)
        bucket.insert(address, of: holder)
        buckets[name] = Cached(value: bucket, isChanged: true)
    }

    /// Keeps an address from being reclaimed in this boot.
    mutating func keep(_ address: IPAddress) throws(StoreFailure) {
        _ = try block(BlockNumber(of: address))
        mark(address, inCurrentBoot: true)
    }

    /// Follows a release.
    mutating func remove(_ address: IPAddress, of attachment: AttachmentID) throws(StoreFailure) {
        let number = BlockNumber(of: address)
        var block = try block(number)
        block.release(at: number.offset(of: address.value))
        blocks[number] = Cached(value: block, isChanged: true)
        let holder = digest(of: attachment)
        let name = HolderBucket.name(for: holder)
        var bucket = try bucket(name)
        bucket.remove(address, of: holder)
        buckets[name] = Cached(value: bucket, isChanged: true)
    }

    // MARK: Files

    /// Writes what changed and vouches for it.
    ///
    /// Never fails: an index that could not be written is not vouched for, and made anew next time.
    mutating func save() {
        let changedBlocks = blocks.filter(\.value.isChanged)
        let changedBuckets = buckets.filter(\.value.isChanged)
        guard isComplete || !changedBlocks.isEmpty || !changedBuckets.isEmpty else { return }
        do {
            if isComplete { try removeForeignFiles() }
            for (number, block) in changedBlocks {
                if block.value.isEmpty, number.family == .v6 {
                    // IPv6 has more blocks than a disk has room. Of IPv4's an empty one is filled again soon.
                    try File.remove(blockFile(number))
                } else {
                    try File.overwrite(blockFile(number), with: block.value.contents(boot: boot.identifier))
                }
                blocks[number]?.isChanged = false
            }
            for (name, bucket) in changedBuckets {
                try File.overwrite(bucketFile(name), with: bucket.value.contents)
                buckets[name]?.isChanged = false
            }
            try vouch()
        } catch {
            _ = try? File.remove("\(directory)/state")
        }
    }

    /// Sets the folder's time to one that no writer's clock will produce again, and records it.
    ///
    /// The time is read back: a file system may keep it coarsely. A few seconds in the past it stays
    /// different from what a later writer leaves even where seconds are all that is kept.
    private func vouch() throws(SystemCallError) {
        let target = SystemClock.now - 4_000_000_000
        try Directory.setModificationTime(of: folder.path, nanoseconds: target)
        // Later than asked for: somebody who takes no lock was here in between.
        guard let time = Directory.modificationTime(of: folder.path), time <= target else { return }
        try File.overwrite("\(directory)/state", with: Self.state(time, boot))
    }

    /// Makes the directories of an index that is made anew, and removes what it does not replace.
    private func removeForeignFiles() throws(SystemCallError) {
        try Directory.create("\(directory)/blocks", mode: 0o755)
        try Directory.create("\(directory)/holders", mode: 0o755)
        for name in try Directory.names(in: "\(directory)/blocks") {
            if let number = BlockNumber(fileName: name), blocks[number] != nil { continue }
            try File.remove("\(directory)/blocks/\(name)")
        }
        for name in try Directory.names(in: "\(directory)/holders") where buckets[name] == nil {
            try File.remove(bucketFile(name))
        }
    }

    private mutating func block(_ number: BlockNumber) throws(StoreFailure) -> AddressBlock {
        if let cached = blocks[number] { return cached.value }
        var block = AddressBlock()
        if !isComplete, let contents = try contents(of: blockFile(number)) {
            guard let read = AddressBlock(contents: contents, boot: boot.identifier) else { throw .stale }
            block = read
        }
        blocks[number] = Cached(value: block)
        return block
    }

    private mutating func bucket(_ name: String) throws(StoreFailure) -> HolderBucket {
        if let cached = buckets[name] { return cached.value }
        var bucket = HolderBucket()
        if !isComplete, let contents = try contents(of: bucketFile(name)) {
            guard let read = HolderBucket(contents: contents) else { throw .stale }
            bucket = read
        }
        buckets[name] = Cached(value: bucket)
        return bucket
    }

    private func contents(of path: String) throws(StoreFailure) -> [UInt8]? {
        do { return try File.contentsIfPresent(of: path) } catch { throw .stale }
    }

    private mutating func mark(_ address: IPAddress, inCurrentBoot: Bool) {
        let number = BlockNumber(of: address)
        var block = blocks[number]?.value ?? AddressBlock()
        block.reserve(at: number.offset(of: address.value), inCurrentBoot: inCurrentBoot)
        blocks[number] = Cached(value: block, isChanged: true)
    }

    private func digest(of attachment: AttachmentID) -> String {
        AttachmentIdentity(network: network, attachment: attachment).shortDigest
    }

    private func blockFile(_ number: BlockNumber) -> String { "\(directory)/blocks/\(number.fileName)" }
    private func bucketFile(_ name: String) -> String { "\(directory)/holders/\(name)" }

    /// The first word is the format's version.
    private static func state(_ time: Int64, _ boot: Boot) -> [UInt8] { Array("2 \(time) \(boot.identifier)\n".utf8) }

    /// Whether the last change of the folder was ours and in another boot: then everything in it is from before this one,
    /// whatever the clock said.
    private static func isUntouchedSinceEarlierBoot(
        _ folder: ReservationFolder,
        _ directory: String,
        _ boot: Boot
    ) -> Bool {
        guard let recorded = try? File.contents(of: "\(directory)/state", limit: 256),
            let time = Directory.modificationTime(of: folder.path), !boot.identifier.isEmpty
        else { return false }
        return recorded.starts(with: "2 \(time) ".utf8) && recorded != state(time, boot)
    }

    /// A minute, in nanoseconds.
    private static let clockMargin: Int64 = 60_000_000_000
}

/// Why work on the index ended early.
enum StoreFailure: Error {
    /// The index does not describe the folder: it has to be made anew, then the work can be repeated.
    case stale
    /// The work cannot be done.
    case failed(CNIError)
}
