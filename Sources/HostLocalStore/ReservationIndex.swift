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
/// * `attachments/<hex digest of the identity>`: the attachment's addresses, a line each.
/// * `state`: the modification time of the reservation folder that all of this describes.
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
    private var attachments: [String: Cached<[IPAddress]>] = [:]

    /// A piece that was read or made, and whether its file has to follow.
    private struct Cached<Value> {
        var value: Value
        var isChanged = false
    }

    /// The index as the files have it, if they describe the folder as it is now.
    init?(ifValidFor folder: ReservationFolder, in directory: String, network: String, boot: Boot) {
        guard let recorded = try? File.contents(of: "\(directory)/state", limit: 256),
            let time = Directory.modificationTime(of: folder.path),
            recorded == Self.state(time)
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
        self.init(folder: folder, directory: directory, network: network, boot: boot, isComplete: true)
        // From here on the files are no index until they are written in full.
        _ = try? File.remove("\(directory)/state")
        for entry in entries {
            let isKnown = (try? older.isIn(.reserved, entry.address)) ?? false
            let isReclaimable = (try? older.isIn(.reclaimable, entry.address)) ?? true
            let time = folder.reservationTime(of: entry.address) ?? .max
            // What nobody is known to own cannot be handed over.
            let isEarlier =
                entry.owner != nil && (isReclaimable || !isKnown) && time < boot.start - Self.clockMargin
            mark(entry.address, inCurrentBoot: !isEarlier)
            guard let owner = entry.owner else { continue }
            attachments[fileName(of: owner), default: Cached(value: [])].value.append(entry.address)
        }
        for number in blocks.keys { blocks[number]?.isChanged = true }
        for name in attachments.keys { attachments[name]?.isChanged = true }
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
        try entry(fileName(of: attachment))
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
        let name = fileName(of: attachment)
        let others = try entry(name).filter { $0 != address }
        attachments[name] = Cached(value: others + [address], isChanged: true)
    }

    /// Follows a release.
    mutating func remove(_ address: IPAddress, of attachment: AttachmentID) throws(StoreFailure) {
        let number = BlockNumber(of: address)
        var block = try block(number)
        block.release(at: number.offset(of: address.value))
        blocks[number] = Cached(value: block, isChanged: true)
        let name = fileName(of: attachment)
        attachments[name] = Cached(value: try entry(name).filter { $0 != address }, isChanged: true)
    }

    // MARK: Files

    /// Writes what changed and vouches for it.
    ///
    /// Never fails: an index that could not be written is not vouched for, and made anew next time.
    mutating func save() {
        let changedBlocks = blocks.filter(\.value.isChanged)
        let changedAttachments = attachments.filter(\.value.isChanged)
        guard isComplete || !changedBlocks.isEmpty || !changedAttachments.isEmpty else { return }
        do {
            if isComplete { try removeForeignFiles() }
            for (number, block) in changedBlocks {
                try write(
                    block.value.isEmpty ? [] : block.value.contents(boot: boot.identifier),
                    to: blockFile(number)
                )
            }
            for (name, addresses) in changedAttachments {
                try write(Array(addresses.value.map { "\($0)\n" }.joined().utf8), to: attachmentFile(name))
            }
            for number in changedBlocks.keys { blocks[number]?.isChanged = false }
            for name in changedAttachments.keys { attachments[name]?.isChanged = false }
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
        try Directory.setModificationTime(of: folder.path, nanoseconds: SystemClock.now - 4_000_000_000)
        guard let time = Directory.modificationTime(of: folder.path) else { return }
        try File.overwrite("\(directory)/state", with: Self.state(time))
    }

    /// Makes the directories of an index that is made anew, and removes what it does not replace.
    private func removeForeignFiles() throws(SystemCallError) {
        try Directory.create("\(directory)/blocks", mode: 0o755)
        try Directory.create("\(directory)/attachments", mode: 0o755)
        for name in try Directory.names(in: "\(directory)/blocks") {
            if let number = BlockNumber(fileName: name), blocks[number] != nil { continue }
            try File.remove("\(directory)/blocks/\(name)")
        }
        for name in try Directory.names(in: "\(directory)/attachments") where attachments[name] == nil {
            try File.remove(attachmentFile(name))
        }
    }

    private func write(_ contents: [UInt8], to path: String) throws(SystemCallError) {
        if contents.isEmpty {
            try File.remove(path)
            return
        }
        // After another suite's turn most of a large index is as it was, and reading is a third of writing.
        if isComplete, (try? File.contentsIfPresent(of: path)) == contents { return }
        try File.overwrite(path, with: contents)
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

    private mutating func entry(_ name: String) throws(StoreFailure) -> [IPAddress] {
        if let cached = attachments[name] { return cached.value }
        var addresses: [IPAddress] = []
        if !isComplete, let contents = try contents(of: attachmentFile(name)) {
            for line in contents.split(separator: UInt8(ascii: "\n")) {
                guard let address = IPAddress(String(decoding: line, as: UTF8.self)) else { throw .stale }
                addresses.append(address)
            }
        }
        attachments[name] = Cached(value: addresses)
        return addresses
    }

    private func contents(of path: String) throws(StoreFailure) -> [UInt8]? {
        do { return try File.contentsIfPresent(of: path, limit: 65_536) } catch { throw .stale }
    }

    private mutating func mark(_ address: IPAddress, inCurrentBoot: Bool) {
        let number = BlockNumber(of: address)
        var block = blocks[number]?.value ?? AddressBlock()
        block.reserve(at: number.offset(of: address.value), inCurrentBoot: inCurrentBoot)
        blocks[number] = Cached(value: block, isChanged: true)
    }

    private func fileName(of attachment: AttachmentID) -> String {
        AttachmentIdentity(network: network, attachment: attachment).digest.hexadecimal
    }

    private func blockFile(_ number: BlockNumber) -> String { "\(directory)/blocks/\(number.fileName)" }
    private func attachmentFile(_ name: String) -> String { "\(directory)/attachments/\(name)" }

    /// The first word is the format's version.
    private static func state(_ time: Int64) -> [UInt8] { Array("1 \(time)\n".utf8) }

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
