// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Moments as people and machines read them.
public enum Timestamp {
    /// A moment in UTC as RFC 3339 writes it.
    ///
    /// - Parameter seconds: Since 1970.
    public static func text(_ seconds: Int64) -> String {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        let pad = { (number: Int32, width: Int) in
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(pad(parts.tm_year + 1900, 4))-\(pad(parts.tm_mon + 1, 2))-\(pad(parts.tm_mday, 2))"
            + "T\(pad(parts.tm_hour, 2)):\(pad(parts.tm_min, 2)):\(pad(parts.tm_sec, 2))Z"
    }

    /// Reads what ``text(_:)`` wrote; nil for anything else.
    static func seconds(_ text: String) -> Int64? {
        let fields = text.split { "-T:Z".contains($0) }.compactMap { Int32($0) }
        guard fields.count == 6 else { return nil }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (fields[0] - 1900, fields[1] - 1, fields[2])
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (fields[3], fields[4], fields[5])
        let seconds = Int64(timegm(&parts))
        return Self.text(seconds) == text ? seconds : nil
    }
}
