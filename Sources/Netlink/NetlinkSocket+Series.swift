// swift-cni, SPDX-License-Identifier: Apache-2.0

extension NetlinkSocket {
    /// So many requests are sent with one write at most; each may be refused, which takes about 1 KiB of memory.
    private static var seriesLimit: Int { 512 }
    /// So many bytes are sent with one write at most.
    private static var seriesBytes: Int { 65_536 }

    /// Sends thousands of independent requests with few writes; of each write only the last is acknowledged.
    ///
    /// The kernel carries them out in order, goes on after one that it refuses, and says so of each that it refuses.
    ///
    /// - Returns: The refusal of each request, nil for those that were done.
    /// - Throws: Only what concerns the socket or the protocol as a whole.
    package borrowing func performSeries(_ requests: [NetlinkRequest]) throws(NetlinkError) -> [NetlinkError?] {
        var outcomes: [NetlinkError?] = []
        outcomes.reserveCapacity(requests.count)
        var part: [NetlinkRequest] = []
        var byteCount = 0
        if requests.count > 1 {
            // Room for a refusal of each request of a write, and for what the kernel accounts on top of the bytes.
            let count = min(requests.count, NetlinkSocket.seriesLimit)
            try setBuffers(
                receive: Int32(max(32_768, 1024 * count)),
                send: Int32(2 * NetlinkSocket.seriesBytes)
            )
        }
        for request in requests {
            let isFull =
                part.count == NetlinkSocket.seriesLimit || byteCount + request.bytes.count > NetlinkSocket.seriesBytes
            if isFull, !part.isEmpty {
                outcomes += try exchangeAcknowledgingLast(part)
                part.removeAll(keepingCapacity: true)
                byteCount = 0
            }
            part.append(request)
            byteCount += request.bytes.count
        }
        if !part.isEmpty { outcomes += try exchangeAcknowledgingLast(part) }
        return outcomes
    }

    private borrowing func exchangeAcknowledgingLast(
        _ requests: [NetlinkRequest]
    ) throws(NetlinkError) -> [NetlinkError?] {
        var requests = requests
        if let last = requests.indices.last { requests[last].acknowledge() }
        return try exchange(requests, .last, adding: []) { _, _ in }.outcomes
    }
}
