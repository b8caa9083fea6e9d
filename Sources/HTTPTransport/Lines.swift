// swift-cni, SPDX-License-Identifier: Apache-2.0

extension [UInt8] {
    /// Takes what has arrived, removes all lines that are complete, and returns them without their ends.
    ///
    /// Only what is new is searched: a long line arrives in many parts.
    public mutating func takeLines(appending bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else {
            self += bytes
            return []
        }
        let complete = self + bytes[..<end]
        self = Array(bytes[(end + 1)...])
        return complete.split(separator: UInt8(ascii: "\n"))
    }
}
