// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable import Flanneld

@Suite struct ComplaintsTests {
    @Test func `a fault is news when it comes and when it goes`() {
        var complaints = Complaints()
        #expect(complaints.replace(.uplink, ["no route; add one"]) == (["no route; add one"], []))
        #expect(complaints.replace(.uplink, ["no route; add one"]) == ([], []))
        #expect(complaints[.uplink] == ["no route; add one"])
        #expect(complaints.replace(.uplink, []) == ([], ["no route"]))
        #expect(complaints[.uplink].isEmpty)
    }

    @Test func `other advice makes no other fault, but it is what is shown`() {
        var complaints = Complaints()
        _ = complaints.replace(.uplink, ["no route; there are: eth0"])
        #expect(complaints.replace(.uplink, ["no route; there are: eth0, eth1"]) == ([], []))
        #expect(complaints[.uplink] == ["no route; there are: eth0, eth1"])
    }

    @Test func `topics do not mix`() {
        var complaints = Complaints()
        _ = complaints.replace(.store, ["away"])
        #expect(complaints.replace(.files, []) == ([], []))
        #expect(complaints.replace(.store, ["away", "torn"]) == (["torn"], []))
    }
}
