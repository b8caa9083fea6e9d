// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses

/// Which of 8,192 neighbouring addresses are reserved, and which of these were granted in the current boot.
///
/// A block of both bitmaps is smaller than a page, so that scattered IPv6 addresses cost a page each, and an occupied
/// run of 10,000 addresses is passed with two reads.
struct AddressBlock: Hashable {
    /// How many addresses a block covers; a power of two.
    static let addressCount = 8192
    private static let bitmapSize = addressCount / 8

    private var reserved = [UInt8](repeating: 0, count: bitmapSize)
    private var granted = [UInt8](repeating: 0, count: bitmapSize)

    /// What is asked of an address.
    enum State {
        /// Not reserved.
        case free
        /// Reserved.
        case reserved
        /// Reserved in an earlier boot: its container cannot be running.
        case reclaimable
    }

    /// A block without reservations.
    init() {}

    /// Whether no address is reserved.
    var isEmpty: Bool { reserved.allSatisfy { $0 == 0 } }

    /// Whether the address at an offset is in a state.
    func isIn(_ state: State, at offset: Int) -> Bool { bits(state, offset / 8) >> UInt8(offset % 8) & 1 == 1 }

    /// Notes a reservation, granted in the current boot or in an earlier one.
    mutating func reserve(at offset: Int, inCurrentBoot: Bool) {
        let bit: UInt8 = 1 << UInt8(offset % 8)
        reserved[offset / 8] |= bit
        if inCurrentBoot { granted[offset / 8] |= bit } else { granted[offset / 8] &= ~bit }
    }

    /// Notes that an address is free.
    mutating func release(at offset: Int) {
        let mask = ~(1 << UInt8(offset % 8) as UInt8)
        reserved[offset / 8] &= mask
        granted[offset / 8] &= mask
    }

    /// The first offset whose address is in a state.
    func first(_ state: State, in offsets: ClosedRange<Int>) -> Int? {
        for index in (offsets.lowerBound / 8)...(offsets.upperBound / 8) {
            let bits = bits(state, index) & mask(of: offsets, at: index)
            if bits != 0 { return index * 8 + bits.trailingZeroBitCount }
        }
        return nil
    }

    private func bits(_ state: State, _ index: Int) -> UInt8 {
        switch state {
        case .free: ~reserved[index]
        case .reserved: reserved[index]
        case .reclaimable: reserved[index] & ~granted[index]
        }
    }

    /// The bits of one byte that belong to a range of offsets.
    private func mask(of offsets: ClosedRange<Int>, at index: Int) -> UInt8 {
        var mask: UInt8 = 0xff
        if index == offsets.lowerBound / 8 { mask &= 0xff << UInt8(offsets.lowerBound % 8) }
        if index == offsets.upperBound / 8 { mask &= 0xff >> UInt8(7 - offsets.upperBound % 8) }
        return mask
    }
}

extension AddressBlock {
    /// Reads a block's file; nil when it is not one.
    ///
    /// Grants of another boot than the current one count as grants of an earlier boot.
    init?(contents: [UInt8], boot: String) {
        guard let line = contents.firstIndex(of: UInt8(ascii: "\n")),
            contents.count == line + 1 + 2 * Self.bitmapSize
        else { return nil }
        let bitmaps = contents[(line + 1)...]
        reserved = Array(bitmaps.prefix(Self.bitmapSize))
        if contents[..<line].elementsEqual(boot.utf8) { granted = Array(bitmaps.suffix(Self.bitmapSize)) }
    }

    /// The block's file: the boot's name, a line end, the two bitmaps.
    func contents(boot: String) -> [UInt8] { Array(boot.utf8) + [UInt8(ascii: "\n")] + reserved + granted }
}

/// Which block an address is in.
struct BlockNumber: Hashable {
    let family: AddressFamily
    private let number: UInt128

    init(of address: IPAddress) {
        family = address.family
        number = address.value / UInt128(AddressBlock.addressCount)
    }

    /// Reads the name of a block's file.
    init?(fileName: String) {
        guard let address = IPAddress(fileName) else { return nil }
        self.init(of: address)
        guard fileName == self.fileName else { return nil }
    }

    /// The number of the block's first address.
    private var first: UInt128 { number * UInt128(AddressBlock.addressCount) }

    /// The number of the block's last address.
    var last: UInt128 { first + UInt128(AddressBlock.addressCount - 1) }

    /// The first address, which names the block's file.
    var fileName: String { IPAddress(family: family, value: first)?.description ?? "" }

    /// Where an address number stands in this block.
    func offset(of value: UInt128) -> Int { Int(value - first) }

    /// The number of the address at an offset.
    func value(at offset: Int) -> UInt128 { first + UInt128(offset) }
}
