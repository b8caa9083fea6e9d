// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import Overlay
import Testing

@Suite struct `Nodes whose leases are gone` {
    private var departed = DepartedPeers()
    private var now: Int64 = 1_000

    private func subnet(_ text: String) throws -> PerFamily<IPPrefix> { PerFamily(v4: try Fleet.prefix(text)) }

    private func lease(_ text: String, mac: Int = 0) throws -> Lease {
        var attributes = LeaseAttributes(publicAddresses: PerFamily(), backendType: .vxlan)
        if mac > 0 {
            let endpoint = VXLANEndpoint(vni: 1, mac: try Fleet.mac("02:00:00:00:00:0\(mac)"))
            attributes.backendData.v4 = endpoint.json
        }
        return Lease(subnets: try subnet(text), attributes: attributes)
    }

    private mutating func update(_ peers: [Lease], own: Lease? = nil, after nanoseconds: Int64 = 0) -> [Lease] {
        now += nanoseconds
        return departed.update(to: peers, own: own, at: now)
    }

    @Test mutating func `stay for a second, and are gone then`() throws {
        let (one, two, three) = (try lease("10.1.1.0/24"), try lease("10.1.2.0/24"), try lease("10.1.3.0/24"))
        #expect(update([one, two, three]) == [one, two, three])
        #expect(departed.nextEnd == nil)
        #expect(update([one, three], after: 10) == [one, three, two])
        #expect(departed.nextEnd == now + DepartedPeers.patience)
        #expect(departed.subnets == [two.subnets])
        // Another who leaves later is waited for as long.
        #expect(update([one], after: 5) == [one, two, three])
        #expect(departed.nextEnd == now - 5 + DepartedPeers.patience)
        #expect(update([one], after: DepartedPeers.patience - 6) == [one, two, three])
        #expect(update([one], after: 1) == [one, three])
        #expect(update([one], after: 5) == [one])
        #expect(departed.nextEnd == nil)
    }

    @Test mutating func `are waited for no longer when they are back, whatever they say now`() throws {
        let (one, two) = (try lease("10.1.1.0/24"), try lease("10.1.2.0/24", mac: 2))
        _ = update([one, two])
        #expect(update([], after: 1) == [one, two])
        let changed = try lease("10.1.2.0/24", mac: 3)
        #expect(update([changed], after: 1) == [changed, one])
        #expect(update([one, changed], after: 1) == [one, changed])
        #expect(departed.nextEnd == nil)
    }

    @Test mutating func `make room at once for whoever takes one of their addresses`() throws {
        let (one, two) = (try lease("10.1.1.0/24"), try lease("10.1.2.0/24"))
        _ = update([one, two])
        _ = update([], after: 1)
        let part = try lease("10.1.1.128/25")
        #expect(update([part], after: 1) == [part, two])
        let own = try lease("10.1.0.0/22")
        #expect(update([part], own: own, after: 1) == [part])
    }

    @Test mutating func `make room at once for the other subnet of the same node`() throws {
        let old = try lease("10.1.1.0/24", mac: 7)
        _ = update([old])
        let new = try lease("10.1.9.0/24", mac: 7)
        #expect(update([new], after: 1) == [new])
    }

    @Test mutating func `are not known at the start, and forgotten with the configuration`() throws {
        let one = try lease("10.1.1.0/24")
        #expect(update([]) == [])
        _ = update([one])
        _ = update([], after: 1)
        departed.forget()
        #expect(update([], after: 1) == [])
        #expect(departed.nextEnd == nil)
    }

    @Test mutating func `are found wherever they were among thousands`() throws {
        let peers = try (0..<2_000).map { try lease("10.\($0 >> 8).\($0 & 255).0/24") }
        for place in [0, 1, 999, 1_998, 1_999] {
            _ = update(peers, after: 2 * DepartedPeers.patience)
            var rest = peers
            let gone = rest.remove(at: place)
            #expect(update(rest, after: 1) == rest + [gone])
        }
    }
}
