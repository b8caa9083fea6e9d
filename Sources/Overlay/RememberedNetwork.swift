// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import JSON
internal import LinuxSystem

/// What a node knew last, on its disk: with it the node works after a reboot while the store cannot be reached.
public struct RememberedNetwork: Hashable, Sendable {
    /// Which store it is of, as the daemon calls it; nil in files that do not say.
    public var store: String?
    /// The network's configuration.
    public var configuration: NetworkConfiguration
    /// Which addresses the store would have the node use; nil in files that do not say.
    public var hints: AddressHints?
    /// The node's own lease.
    public var own: Lease
    /// Until when nobody else can have been given the own subnets, in seconds since 1970; nil when the lease does not end.
    public var validUntil: Int64?
    /// The leases of all others.
    public var peers: [Lease]

    /// Describes what is known.
    public init(
        store: String?,
        configuration: NetworkConfiguration,
        own: Lease,
        validUntil: Int64?,
        peers: [Lease]
    ) {
        self.store = store
        self.configuration = configuration
        self.own = own
        self.validUntil = validUntil
        self.peers = peers
    }

    /// Where it is, below a directory that outlives reboots.
    public static func path(in stateDirectory: String) -> String { "\(stateDirectory)/last-known.json" }

    /// Reads a file; nil when there is none.
    public init?(at path: String) throws(OverlayError) {
        let contents: [UInt8]?
        // 5,000 leases are one megabyte.
        do throws(SystemCallError) { contents = try File.contentsIfPresent(of: path, limit: 256 << 20) } catch {
            throw OverlayError(.localFile, error)
        }
        guard let contents else { return nil }
        do throws(OverlayError) {
            let document = try legible { () throws(JSONError) in JSONNode(try JSONValue(parsing: contents)) }
            let read = try legible { () throws(JSONError) in
                (
                    try document.requiredMember("configuration"), try document.requiredMember("own"),
                    try document.member("validUntil")?.integer(in: 0...Int64.max),
                    try document.requiredMember("peers").elements(), try document.member("store")?.string(),
                    try document.member("hints").map { (node) throws(JSONError) in try AddressHints(remembered: node) }
                )
            }
            configuration = try NetworkConfiguration(read.0)
            own = try Lease(remembered: read.1)
            validUntil = read.2
            store = read.4
            hints = read.5
            peers = try read.3.map { (node) throws(OverlayError) in try Lease(remembered: node) }
        } catch {
            throw OverlayError(
                error.code,
                "\(path): \(error.message)",
                advice: "remove it; it is written anew when the store was read"
            )
        }
    }

    /// Replaces the file, so that it outlives a power cut.
    public func write(to path: String) throws(OverlayError) {
        var document = JSONObject()
        document["store"] = store.map { .string($0) }
        document["configuration"] = configuration.json
        document["hints"] = hints?.remembered
        document["own"] = own.remembered
        document["validUntil"] = validUntil.map { .integer($0) }
        // One by one: all together take ten times as much memory as their text.
        var text = JSONValue.object(document).text().dropLast() + Array(#","peers":["#.utf8)
        for (index, peer) in peers.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text += peer.remembered.text()
        }
        text += Array("]}".utf8)
        do throws(SystemCallError) {
            try Directory.create(Path.parent(of: path), mode: 0o755)
            try File.replace(path, with: Array(text), mode: 0o600, durability: .powerCut)
        } catch { throw OverlayError(.localFile, error) }
    }
}

extension Lease {
    /// The members of the lease's value, and its key.
    fileprivate var remembered: JSONValue {
        guard var members = attributes.json.object else { return attributes.json }
        members["Key"] = .string(subnets.leaseKey)
        return .object(members)
    }

    fileprivate init(remembered node: JSONNode) throws(OverlayError) {
        let key = try legible { () throws(JSONError) in try node.requiredMember("Key").string() }
        guard let subnets = PerFamily<IPPrefix>(leaseKey: key) else {
            throw OverlayError(.malformedText, "\(node.path(of: "Key")) is \"\(key)\"")
        }
        self.init(subnets: subnets, attributes: try LeaseAttributes(node))
    }
}

extension AddressHints {
    /// `{"requested":["192.0.2.1"],"known":[]}`.
    fileprivate var remembered: JSONValue {
        let texts = { (addresses: PerFamily<IPAddress>) in
            JSONValue.strings(addresses.families.compactMap { addresses[$0]?.description })
        }
        return ["requested": texts(requested), "known": texts(known)]
    }

    fileprivate init(remembered node: JSONNode) throws(JSONError) {
        self.init()
        requested = Self.addresses(try node.member("requested")?.strings() ?? [])
        known = Self.addresses(try node.member("known")?.strings() ?? [])
    }

    private static func addresses(_ texts: [String]) -> PerFamily<IPAddress> {
        var addresses = PerFamily<IPAddress>()
        for text in texts {
            if let address = IPAddress(text) { addresses[address.family] = address }
        }
        return addresses
    }
}
