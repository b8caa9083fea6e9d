// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import NFTables
internal import Netlink

extension OwnedRuleset {
    /// The element that is in the place of another: with the same key, whatever else.
    public func occupant(of place: PlacedElement) throws(CNIError) -> PlacedElement? {
        try kernel { () throws(NetlinkError) in try socket.element(place.element.key, of: place.set) }
            .map { PlacedElement($0, in: place.set) }
    }

    /// The elements in the places of others.
    public func occupants(of places: [PlacedElement]) throws(CNIError) -> [PlacedElement] {
        var found: [PlacedElement] = []
        for place in places {
            if let occupant = try occupant(of: place) { found.append(occupant) }
        }
        return found
    }

    /// The elements in the places of others, as far as they are an owner's.
    public func occupants(
        of places: [PlacedElement],
        ownedBy identity: String
    ) throws(CNIError) -> [PlacedElement] {
        try occupants(of: places).filter { $0.owner?.identity == identity }
    }

    /// All elements of sets whose owners are such; it reads them all.
    public func elements(
        of sets: [NamedSet],
        where isWanted: (ElementOwner) -> Bool
    ) throws(CNIError) -> [PlacedElement] {
        var found: [PlacedElement] = []
        for set in sets {
            for element in try kernel({ () throws(NetlinkError) in try socket.elements(of: set) }) {
                let placed = PlacedElement(element, in: set)
                if let owner = placed.owner, isWanted(owner) { found.append(placed) }
            }
        }
        return found
    }

    /// Removes the elements of an attachment.
    ///
    /// - Parameters:
    ///   - places: Where they must be, as far as that is known.
    ///   - isThorough: Whether everything is read when not all are there.
    public func removeElements(
        ofAttachment identity: String,
        from layout: RulesetLayout,
        knownPlaces places: [PlacedElement],
        isThorough: Bool = true,
        also: (inout Transaction, OwnedRuleset.Removal) throws(CNIError) -> Void = { _, _ in }
    ) throws(CNIError) {
        try remove(from: layout, also: also) { () throws(CNIError) in
            let found = try occupants(of: places, ownedBy: identity)
            if !isThorough || (!found.isEmpty && found.count == places.count) { return found }
            return try elements(of: layout.sets) { $0.identity == identity }
        }
    }

    /// Removes the elements of a network's attachments that are not valid any more.
    public func collectGarbage(
        ofNetwork network: String,
        keeping valid: Set<AttachmentID>,
        from layout: RulesetLayout,
        also: (inout Transaction, OwnedRuleset.Removal) throws(CNIError) -> Void = { _, _ in }
    ) throws(CNIError) {
        let digest = ElementOwner.digest(network: network)
        let alive = Set(valid.map { AttachmentIdentity(network: network, attachment: $0).shortDigest })
        try remove(from: layout, also: also) { () throws(CNIError) in
            try elements(of: layout.sets) { $0.network == digest && !alive.contains($0.identity) }
        }
    }

    /// The first difference between a share and what is there, as CHECK reports it; nil when there is none.
    public func difference(from share: RulesetShare, identity: String) throws(CNIError) -> String? {
        let table = share.layout.table
        let isThere = try kernel { () throws(NetlinkError) in
            try socket.chain(share.layout.marker, of: table) != nil
        }
        if !isThere { return "chain \(share.layout.marker) of table \(table) is missing" }
        for chain in share.chains {
            let present = try kernel { () throws(NetlinkError) in
                try socket.rules(of: chain.chain.name, in: table).map(\.comment)
            }
            if chain.rules(present).map(\.comment) != present {
                if present.isEmpty { return "chain \(chain.chain.name) of table \(table) is missing or empty" }
                return "the rules of chain \(chain.chain.name) of table \(table) are not those of the configuration"
            }
        }
        for place in share.elements {
            guard let occupant = try occupant(of: place) else {
                return "an element of \(table) \(place.set.name) is missing"
            }
            guard occupant.owner?.identity == identity, occupant.element.value == place.element.value else {
                return "an element of \(table) \(place.set.name) belongs to "
                    + "\(occupant.owner?.names ?? "\"\(occupant.element.comment)\"")"
            }
        }
        return nil
    }
}

extension OwnedRuleset {
    /// The decision where only one owner can be right and it is the one that asks: others give way.
    public func replacingOccupants(of share: RulesetShare) throws(CNIError) -> Resolution {
        var resolution = Resolution()
        for place in share.elements {
            if let occupant = try occupant(of: place) {
                if occupant.element == place.element { continue }
                resolution.removing.append(occupant)
            }
            resolution.adding.append(place)
        }
        return resolution
    }
}
