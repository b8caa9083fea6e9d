// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses

extension ReservationIndex {
    /// The next address of a range set in a state, in the order of the ranges and round after the one handed out last.
    ///
    /// - Parameter cursor: The address handed out last; one outside the set starts at the first range.
    mutating func next(
        _ state: AddressBlock.State,
        in set: RangeSet,
        after cursor: IPAddress?
    ) throws(StoreFailure) -> IPAddress? {
        let skipped = set.neverHandedOut
        for segment in set.segments(after: cursor) {
            if let value = try first(state, in: segment, family: set.family, skipping: skipped) {
                return IPAddress(family: set.family, value: value)
            }
        }
        return nil
    }

    /// The lowest number in a state; absent blocks are free and passed in one step otherwise.
    private mutating func first(
        _ state: AddressBlock.State,
        in values: ClosedRange<UInt128>,
        family: AddressFamily,
        skipping skipped: [ClosedRange<UInt128>]
    ) throws(StoreFailure) -> UInt128? {
        var low = values.lowerBound
        while low <= values.upperBound {
            guard let address = IPAddress(family: family, value: low) else { return nil }
            let number = BlockNumber(of: address)
            let high = min(values.upperBound, number.last)
            let passed: UInt128
            if let obstacle = skipped.first(where: { $0.contains(low) }) {
                passed = obstacle.upperBound
            } else if let found = try first(state, in: low...high, of: number) {
                guard let obstacle = skipped.first(where: { $0.contains(found) }) else { return found }
                passed = obstacle.upperBound
            } else {
                passed = high
            }
            guard passed < values.upperBound else { return nil }
            low = passed + 1
        }
        return nil
    }
}

extension RangeSet {
    /// The numbers that no request gets: gateways and exclusions.
    var neverHandedOut: [ClosedRange<UInt128>] {
        var numbers: [ClosedRange<UInt128>] = []
        for range in ranges {
            numbers.append(range.gateway.value...range.gateway.value)
            numbers += range.excluded.map { $0.first.value...$0.last.value }
        }
        return numbers
    }

    /// How many addresses can be handed out.
    var capacity: UInt128 {
        // In ascending order, so that what two obstacles share is counted once.
        let obstacles = neverHandedOut.sorted { $0.lowerBound < $1.lowerBound }
        var count: UInt128 = 0
        for range in ranges {
            let (start, end) = (range.start.value, range.end.value)
            count += end - start + 1
            var low = start
            for obstacle in obstacles where obstacle.upperBound >= low && obstacle.lowerBound <= end {
                let last = min(obstacle.upperBound, end)
                count -= last - max(obstacle.lowerBound, low) + 1
                guard last < end else { break }
                low = last + 1
            }
        }
        return count
    }

    /// The set's numbers in the order they are tried: from behind the cursor to the end of its range, the other ranges
    /// in turn, and the cursor's range up to and with the cursor.
    func segments(after cursor: IPAddress?) -> [ClosedRange<UInt128>] {
        let all = ranges.map { $0.start.value...$0.end.value }
        guard let cursor, let index = ranges.firstIndex(where: { $0.contains(cursor) }) else { return all }
        var segments: [ClosedRange<UInt128>] = []
        if cursor < ranges[index].end { segments.append((cursor.value + 1)...ranges[index].end.value) }
        segments += all[(index + 1)...] + all[..<index]
        segments.append(ranges[index].start.value...cursor.value)
        return segments
    }
}
