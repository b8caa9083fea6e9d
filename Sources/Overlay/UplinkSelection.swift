// swift-cni, SPDX-License-Identifier: Apache-2.0

public import IPAddresses
public import RouteNetlink

/// Which interface and address a node uses towards the others, one choice for each family.
///
/// Families are independent: they may end on different interfaces. The same state of the kernel leads to the same choice,
/// whatever order it is listed in.
public struct UplinkSelection: Hashable, Sendable {
    /// `--iface`: names or addresses; the first that leads to an interface wins.
    public var interfaces: [String] = []
    /// `--iface-regex`: tried after ``interfaces``, on an interface's addresses first, then on its name.
    public var patterns: [String] = []
    /// `--iface-can-reach`: the interface by which the kernel would send to this address; tried last.
    public var reachable: IPAddress?
    /// `--public-ip`, `--public-ipv6`: what is told to the other nodes instead of the interface's address.
    public var publicAddresses: PerFamily<IPAddress> = PerFamily()
    /// What the store would have: its ``AddressHints/requested`` addresses count as if they were ``publicAddresses``, and
    /// more; those by which it knows the node count where nothing else was asked for.
    public var hints = AddressHints()

    /// Selects by the default routes.
    public init() {}

    /// Whether an interface was asked for.
    private var isExplicit: Bool { !interfaces.isEmpty || !patterns.isEmpty || reachable != nil }

    /// Chooses for a family.
    ///
    /// - Parameter lookUp: The interface by which the kernel sends to an address (`ip route get`); nil for none.
    /// - Throws: ``OverlayError`` when nothing fits; it says what there is.
    public func choose(
        _ family: AddressFamily,
        among candidates: [UplinkCandidate],
        lookUp: (IPAddress) -> LinkIndex?
    ) throws(OverlayError) -> UplinkChoice {
        let ranked = candidates.sorted { $0.ranks(before: $1, family) }
        if isExplicit { return try explicit(family, ranked, lookUp) }
        if let address = publicAddress(family) {
            let source = publicAddressSource(family)
            guard let candidate = ranked.first(where: { $0.has(address) }) else {
                throw OverlayError(
                    .noUplink,
                    "no interface has \(address), which \(source) names",
                    advice: "add the address to an interface, or name the interface with --iface (there are: "
                        + "\(Self.list(ranked)))"
                )
            }
            return UplinkChoice(candidate, address, publicAddress: address, "it has \(source) \(address)")
        }
        if let choice = knownByStore(family, ranked) { return choice }
        guard let candidate = ranked.first(where: { $0.defaultRouteMetric[family] != nil }) else {
            throw OverlayError(
                .noUplink,
                "no interface has a default route for \(family)",
                advice: "name one with --iface (there are: \(Self.list(ranked))), or add a default route"
            )
        }
        let metric = candidate.defaultRouteMetric[family] ?? 0
        return try choice(
            candidate,
            family,
            "its default route has the lowest metric (\(metric))\(unusedHint(family))"
        )
    }

    private func explicit(
        _ family: AddressFamily,
        _ ranked: [UplinkCandidate],
        _ lookUp: (IPAddress) -> LinkIndex?
    ) throws(OverlayError) -> UplinkChoice {
        for name in interfaces {
            if let address = IPAddress(name) {
                guard let candidate = ranked.first(where: { $0.has(address) }) else { continue }
                // An address of the other family, or one that means nothing elsewhere, names the interface only.
                guard address.family == family, !address.isBoundToLink else {
                    return try choice(candidate, family, "--iface \(name)")
                }
                return UplinkChoice(
                    candidate,
                    address,
                    publicAddress: publicAddress(family) ?? address,
                    "--iface \(name)"
                )
            }
            if let candidate = ranked.first(where: { $0.name == name }) {
                return try choice(candidate, family, "--iface \(name)")
            }
        }
        for pattern in patterns {
            let expression = try Self.expression(pattern)
            let matches = { (text: String) in text.firstMatch(of: expression) != nil }
            for candidate in ranked {
                let address = candidate.usableAddresses(family).first { matches("\($0)") }
                guard let address else { continue }
                return UplinkChoice(
                    candidate,
                    address,
                    publicAddress: publicAddress(family) ?? address,
                    "--iface-regex \(pattern)"
                )
            }
            if let candidate = ranked.first(where: { matches($0.name) }) {
                return try choice(candidate, family, "--iface-regex \(pattern)")
            }
        }
        if let reachable, let index = lookUp(reachable),
            let candidate = ranked.first(where: { $0.index == index })
        {
            return try choice(candidate, family, "--iface-can-reach \(reachable)")
        }
        throw OverlayError(
            .noUplink,
            "no interface fits --iface \(interfaces), --iface-regex \(patterns), --iface-can-reach "
                + "\(reachable.map { "\($0)" } ?? "(not given)")",
            advice: "there are: \(Self.list(ranked))"
        )
    }

    private func choice(
        _ candidate: UplinkCandidate,
        _ family: AddressFamily,
        _ reason: String
    ) throws(OverlayError) -> UplinkChoice {
        guard let address = candidate.usableAddresses(family).first else {
            throw OverlayError(
                .noUplink,
                "interface \(candidate.name) has no usable \(family) address",
                advice:
                    "add one, or name another interface with --iface; deprecated and tentative addresses do not count"
            )
        }
        return UplinkChoice(candidate, address, publicAddress: publicAddress(family) ?? address, reason)
    }

    /// What a pattern of ``patterns`` says.
    ///
    /// - Throws: ``OverlayError`` with `option` when it is no regular expression.
    public static func expression(_ pattern: String) throws(OverlayError) -> Regex<AnyRegexOutput> {
        do { return try Regex(pattern) } catch {
            throw OverlayError(
                .option,
                "--iface-regex \"\(pattern)\" is no regular expression: \(error)",
                advice: "for all interfaces that begin with eth, write ^eth"
            )
        }
    }

    private static func list(_ candidates: [UplinkCandidate]) -> String {
        candidates.isEmpty ? "none but loopback" : candidates.map(\.name).joined(separator: ", ")
    }
}

/// An interface that could be the uplink.
public struct UplinkCandidate: Hashable, Sendable {
    /// Its number.
    public var index: LinkIndex
    /// Its name.
    public var name: String
    /// Its MTU in bytes.
    public var mtu: Int
    /// Its addresses.
    public var addresses: [LinkAddress]
    /// The lowest metric of its default routes in the main table; nil where it has none.
    public var defaultRouteMetric: PerFamily<UInt32>

    /// Describes an interface.
    public init(
        index: LinkIndex,
        name: String,
        mtu: Int,
        addresses: [LinkAddress],
        defaultRouteMetric: PerFamily<UInt32> = PerFamily()
    ) {
        self.index = index
        self.name = name
        self.mtu = mtu
        self.addresses = addresses
        self.defaultRouteMetric = defaultRouteMetric
    }

    /// Its addresses of a family that may be told to others, the best first.
    ///
    /// Global before link-local, permanent before leased, in the kernel's order otherwise. Deprecated ones, those whose
    /// uniqueness is not known, temporary ones (RFC 8981), and link-local ones of IPv6 do not count: each interface has one
    /// of those, also while its other addresses are being changed, and on another link it leads to another node.
    func usableAddresses(_ family: AddressFamily) -> [IPAddress] {
        let usable = addresses.filter { address in
            address.prefix.family == family
                && address.flags.isDisjoint(with: [.deprecated, .tentative, .dadFailed])
                && !(family == .v6 && address.flags.contains(.temporary)) && !address.prefix.address.isBoundToLink
        }
        let ranks = usable.map { address -> Int in
            (address.scope == 0 ? 0 : 2) + (address.flags.contains(.permanent) ? 0 : 1)
        }
        return zip(usable, ranks).enumerated()
            .sorted { ($0.element.1, $0.offset) < ($1.element.1, $1.offset) }
            .map { $0.element.0.prefix.address }
    }

    func has(_ address: IPAddress) -> Bool { addresses.contains { $0.prefix.address == address } }

    /// The lower metric first, then the lower number: it does not depend on the order in which links are listed.
    func ranks(before other: UplinkCandidate, _ family: AddressFamily) -> Bool {
        let metrics = (defaultRouteMetric[family], other.defaultRouteMetric[family])
        switch metrics {
        case (let mine?, let its?) where mine != its: return mine < its
        case (_?, nil): return true
        case (nil, _?): return false
        default: return index.rawValue < other.index.rawValue
        }
    }
}

/// The interface a node uses towards the others in one family, and why.
public struct UplinkChoice: Hashable, Sendable {
    /// The interface's number.
    public var index: LinkIndex
    /// Its name.
    public var name: String
    /// Its MTU in bytes.
    public var mtu: Int
    /// The address packets to other nodes come from.
    public var address: IPAddress
    /// What is told to the other nodes.
    public var publicAddress: IPAddress
    /// Why it was chosen, for `flanneld status`.
    public var reason: String

    init(_ candidate: UplinkCandidate, _ address: IPAddress, publicAddress: IPAddress, _ reason: String) {
        index = candidate.index
        name = candidate.name
        mtu = candidate.mtu
        self.address = address
        self.publicAddress = publicAddress
        self.reason = reason
    }
}

extension IPAddress {
    /// Whether it is in `fe80::/10`: only together with an interface it says which station is meant.
    var isBoundToLink: Bool { family == .v6 && isLinkLocal }
}
