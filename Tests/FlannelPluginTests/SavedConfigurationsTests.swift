// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import Glibc
import JSON
import LinuxSystem
import LinuxTesting
import Testing

@testable import FlannelPlugin

/// The files that a DEL goes by.
@Suite struct SavedConfigurationsTests {
    private let temporary: TemporaryDirectory
    private let saved: SavedConfigurations
    private let directory: String

    init() throws {
        temporary = try TemporaryDirectory()
        directory = temporary.appending("made/below")
        let document: JSONValue = ["name": "pods", "type": "flannel", "dataDir": .string(directory)]
        saved = try SavedConfigurations(NetworkConfiguration(document: document, version: .v1_0_0))
    }

    private func identity(_ container: String, _ interface: String, _ network: String = "pods") -> AttachmentIdentity {
        AttachmentIdentity(
            network: network,
            attachment: AttachmentID(containerID: container, interfaceName: interface)
        )
    }

    private func delegate(_ mtu: Int64, _ network: String = "pods") -> DelegateConfiguration {
        DelegateConfiguration(
            type: "bridge",
            document: JSONObject([("name", .string(network)), ("type", "bridge"), ("mtu", .integer(mtu))])
        )
    }

    private func mtu(_ identity: AttachmentIdentity) throws -> JSONValue? {
        try saved.find(identity)?.delegate?.document["mtu"]
    }

    @Test func `what is saved is found, by its owner only, as it was`() throws {
        let (path, former) = try saved.save(delegate(1), for: identity("c", "eth0"))
        #expect(path == "\(directory)/c")
        #expect(former == nil)
        #expect(try saved.find(identity("c", "eth0"))?.delegate?.document == delegate(1).document)
        #expect(try saved.find(identity("c", "eth1")) == nil)
        #expect(try saved.find(identity("c", "eth0", "other")) == nil)
        #expect(try saved.find(identity("c.eth0", "eth0")) == nil)
    }

    @Test func `directory and file are for their owner only`() throws {
        try saved.save(delegate(1), for: identity("c", "eth0"))
        for (path, mode) in [(directory, 0o700), (temporary.appending("made"), 0o700), ("\(directory)/c", 0o600)] {
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(Int(status.st_mode & 0o777) == mode, "\(path)")
        }
    }

    @Test func `attachments that share a container or differ in a dot are apart`() throws {
        let identities = [
            identity("c", "eth0"), identity("c", "eth1"), identity("c", "eth0", "other"), identity("c.eth0", "x"),
            identity("c", "eth0.x"), identity(String(repeating: "a", count: 300), "eth0"),
            identity(String(repeating: "a", count: 300), "eth1"),
        ]
        for (index, identity) in identities.enumerated() {
            try saved.save(delegate(Int64(index), identity.network), for: identity)
        }
        for (index, identity) in identities.enumerated() { #expect(try mtu(identity) == .integer(Int64(index))) }
        #expect(try Directory.names(in: directory).count == identities.count)
    }

    @Test func `saving again replaces in place and tells what was there`() throws {
        for interface in ["eth0", "eth1"] {
            let first = try saved.save(delegate(1), for: identity("c", interface))
            let second = try saved.save(delegate(2), for: identity("c", interface))
            #expect(first.path == second.path)
            #expect(try mtu(identity("c", interface)) == 2)
            try saved.restore(second.path, second.former)
            #expect(try mtu(identity("c", interface)) == 1)
        }
        #expect(try Directory.names(in: directory).count == 2)
    }

    @Test func `a second interface stays in its file when the first is gone`() throws {
        let first = try saved.save(delegate(1), for: identity("c", "eth0"))
        let second = try saved.save(delegate(2), for: identity("c", "eth1"))
        try saved.remove(first.path)
        #expect(try saved.save(delegate(3), for: identity("c", "eth1")).path == second.path)
        #expect(try Directory.names(in: directory).count == 1)
    }

    @Test func `a file without a mark is of all interfaces of its container in its network`() throws {
        try Directory.create(directory, mode: 0o700)
        try File.create("\(directory)/c", with: JSONValue.object(delegate(7).document).text())
        #expect(try mtu(identity("c", "eth0")) == 7)
        #expect(try mtu(identity("c", "eth1")) == 7)
        #expect(try saved.find(identity("c", "eth0", "other")) == nil)
        #expect(try saved.save(delegate(1), for: identity("c", "eth0")).path != "\(directory)/c")
        #expect(try mtu(identity("c", "eth0")) == 1)
        #expect(try mtu(identity("c", "eth1")) == 7)
    }

    @Test(arguments: ["", "{", "[]", "{}", #"{"type":""}"#, #"{"type":"flannel"}"#, #"{"type":1}"#])
    func `a file that says nothing usable is found without a delegate`(text: String) throws {
        try Directory.create(directory, mode: 0o700)
        try File.create("\(directory)/c", with: Array(text.utf8))
        let found = try #require(try saved.find(identity("c", "eth0")))
        #expect(found.delegate == nil)
    }

    @Test func `leftovers of a killed ADD are removed, nobody else's`() throws {
        try Directory.create(directory, mode: 0o700)
        let kept = [".c.5.1.tmp", ".cc.1.tmp", ".c.x.tmp", ".c..tmp", "c.1.tmp"]
        for name in kept + [".c.1.tmp", ".c.99.tmp"] { try File.create("\(directory)/\(name)", with: []) }
        try saved.removeLeftovers(identity("c", "eth0"))
        #expect(try Set(Directory.names(in: directory)) == Set(kept))
    }

    @Test func `what was saved of a network is listed with whether it is in use`() throws {
        try saved.save(delegate(1), for: identity("c", "eth0"))
        try saved.save(delegate(2), for: identity("c", "eth1"))
        try saved.save(delegate(3, "other"), for: identity("d", "eth0", "other"))
        try File.create("\(directory)/go", with: JSONValue.object(delegate(4).document).text())
        try File.create("\(directory)/torn", with: [])
        try Directory.create("\(directory)/somebody-elses", mode: 0o700)
        let valid: Set = [identity("c", "eth1").attachment, identity("go", "net7").attachment]
        let stale = try saved.all(of: "pods").filter { !$0.belongs(to: valid) }
        #expect(try saved.all(of: "pods").count == 3)
        #expect(stale.map(\.path) == ["\(directory)/c"])
    }
}
