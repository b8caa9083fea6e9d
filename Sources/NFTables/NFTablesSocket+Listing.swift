// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import LinuxSystem
public import Netlink

extension NFTablesSocket {
    /// The element with a key: `nft get element`.
    ///
    /// - Returns: nil when there is no such element, set or table.
    public borrowing func element(_ key: [UInt8], of set: NamedSet) throws(NetlinkError) -> SetElement? {
        let request = try elementRequest("look up an element of", set, []) { writer in
            writer.nest(NFTA_SET_ELEM_LIST_ELEMENTS) { writer in
                writer.nest(NFTA_LIST_ELEM) { $0.nest(NFTA_SET_ELEM_KEY, data: key) }
            }
        }
        var found: SetElement?
        do throws(NetlinkError) {
            try socket.query(request) { (_, payload) throws(NetlinkError) in
                found = try elements(in: payload).first
            }
        } catch {
            if error.number == .noSuchFile { return nil }
            throw error
        }
        return found
    }

    /// All elements of a set: `nft list set`; none when there is no such set or table.
    public borrowing func elements(of set: NamedSet) throws(NetlinkError) -> [SetElement] {
        let request = try elementRequest("list the elements of", set, .dump) { _ in }
        do throws(NetlinkError) {
            return try socket.dump(request) { (_, payload) throws(NetlinkError) in try elements(in: payload) }
                .flatMap { $0 }
        } catch {
            if error.number == .noSuchFile { return [] }
            throw error
        }
    }

    /// The named sets and maps of a table; none when there is no such table.
    ///
    /// Fields of types that are not known here make a set unusable but for its elements' keys and values as bytes: it is
    /// listed with an empty key.
    public borrowing func sets(of table: Table) throws(NetlinkError) -> [NamedSet] {
        let request = try NetlinkRequest.nfTables("list the sets of \(table)", NFT_MSG_GETSET, table.family, .dump) {
            writer in
            writer.put(NFTA_SET_TABLE, string: table.name)
        }
        do throws(NetlinkError) {
            return try socket.dump(request) { (_, payload) throws(NetlinkError) in
                try NamedSet(reading: payload, in: table)
            }
        } catch {
            if error.number == .noSuchFile { return [] }
            throw error
        }
    }

    /// A table: what `nft list tables` says of it, and what it holds.
    ///
    /// - Returns: nil when there is no such table.
    public borrowing func table(_ table: Table) throws(NetlinkError) -> ListedTable? {
        let request = try NetlinkRequest.nfTables("look up table \(table)", NFT_MSG_GETTABLE, table.family, []) {
            writer in
            writer.put(NFTA_TABLE_NAME, string: table.name)
        }
        var found: ListedTable?
        do throws(NetlinkError) {
            try socket.query(request) { (_, payload) throws(NetlinkError) in found = try ListedTable(reading: payload) }
        } catch {
            if error.number == .noSuchFile { return nil }
            throw error
        }
        return found
    }

    private borrowing func elementRequest(
        _ operation: String,
        _ set: NamedSet,
        _ flags: MessageFlags,
        _ body: (inout AttributeWriter) -> Void
    ) throws(NetlinkError) -> NetlinkRequest {
        try .nfTables("\(operation) \(set.table) \(set.name)", NFT_MSG_GETSETELEM, set.table.family, flags) { writer in
            writer.put(NFTA_SET_ELEM_LIST_TABLE, string: set.table.name)
            writer.put(NFTA_SET_ELEM_LIST_SET, string: set.name)
            body(&writer)
        }
    }

    private borrowing func elements(in payload: borrowing RawSpan) throws(NetlinkError) -> [SetElement] {
        var elements: [SetElement] = []
        try payload.forEachAttribute { (type: nft_set_elem_list_attributes, list) throws(NetlinkError) in
            guard type == NFTA_SET_ELEM_LIST_ELEMENTS else { return }
            try AttributeReader.forEach(in: list) { (_, element) throws(NetlinkError) in
                elements.append(try SetElement(reading: element))
            }
        }
        return elements
    }

    /// A chain by its name: `nft list chain`.
    ///
    /// - Returns: nil when there is no such chain or table.
    public borrowing func chain(_ name: String, of table: Table) throws(NetlinkError) -> ListedChain? {
        let request = try NetlinkRequest.nfTables("look up chain \(table) \(name)", NFT_MSG_GETCHAIN, table.family, [])
        {
            writer in
            writer.put(NFTA_CHAIN_TABLE, string: table.name)
            writer.put(NFTA_CHAIN_NAME, string: name)
        }
        var found: ListedChain?
        do throws(NetlinkError) {
            try socket.query(request) { (_, payload) throws(NetlinkError) in found = try ListedChain(reading: payload) }
        } catch {
            if error.number == .noSuchFile { return nil }
            throw error
        }
        return found
    }

    /// The names of a table's chains; none when there is no such table.
    public borrowing func chains(of table: Table) throws(NetlinkError) -> [ListedChain] {
        let request = try NetlinkRequest.nfTables("list the chains of \(table)", NFT_MSG_GETCHAIN, table.family, .dump)
        {
            writer in
            writer.put(NFTA_CHAIN_TABLE, string: table.name)
        }
        return try socket.dump(request) { (_, payload) throws(NetlinkError) in
            // Not every kernel filters this dump.
            var owner = ""
            try payload.forEachAttribute { (type: nft_chain_attributes, value) throws(NetlinkError) in
                if type == NFTA_CHAIN_TABLE { owner = value.string }
            }
            return owner == table.name ? try ListedChain(reading: payload) : nil
        }
    }

    /// The rules of a chain in order; none when there is no such chain or table.
    public borrowing func rules(of chain: String, in table: Table) throws(NetlinkError) -> [ListedRule] {
        let request = try NetlinkRequest.nfTables(
            "list the rules of \(table) \(chain)",
            NFT_MSG_GETRULE,
            table.family,
            .dump
        ) { writer in
            writer.put(NFTA_RULE_TABLE, string: table.name)
            writer.put(NFTA_RULE_CHAIN, string: chain)
        }
        do throws(NetlinkError) {
            return try socket.dump(request) { (_, payload) throws(NetlinkError) in try ListedRule(reading: payload) }
        } catch {
            if error.number == .noSuchFile { return [] }
            throw error
        }
    }
}
