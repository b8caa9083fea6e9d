// swift-cni, SPDX-License-Identifier: Apache-2.0

public import Netlink

extension RouteSocket {
    /// Carries out thousands of requests in order with few writes, of each of which only the last is acknowledged.
    ///
    /// For changes of which nearly all succeed: the kernel's thousands of confirmations are neither sent nor read. It goes
    /// on after a request that it refuses.
    ///
    /// - Returns: The refusal of each request, nil for those that were done.
    /// - Throws: Only what concerns the socket as a whole.
    public borrowing func performSeries(_ requests: [RouteRequest]) throws(NetlinkError) -> [NetlinkError?] {
        var outcomes = try socket.performSeries(requests.map(\.message))
        for (index, request) in requests.enumerated() {
            if let error = outcomes[index] { outcomes[index] = naming(request, error) }
        }
        return outcomes
    }
}
