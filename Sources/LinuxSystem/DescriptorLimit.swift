// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// How many files the process may have open at once (`RLIMIT_NOFILE`).
public enum DescriptorLimit {
    /// Raises the soft limit to the hard one, or to `most` where that is less; a limit that is higher stays.
    ///
    /// The soft one is 1,024 for the sake of programs that use `select(2)`.
    ///
    /// - Returns: The limit that holds now.
    @discardableResult
    public static func raise(atMost most: UInt) -> UInt {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return 0 }
        let wanted = min(limit.rlim_max, most)
        guard limit.rlim_cur < wanted else { return limit.rlim_cur }
        let former = limit.rlim_cur
        limit.rlim_cur = wanted
        return setrlimit(resource, &limit) == 0 ? wanted : former
    }
}
