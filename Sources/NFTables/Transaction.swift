// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
public import Netlink

/// Changes to rulesets that happen together or not at all.
///
/// Building one sends nothing; ``NFTablesSocket/commit(_:ifGeneration:)`` does, and one that is never committed ends with
/// its scope. Each method appends one message, the transaction's next step; errors name the step.
public struct Transaction: ~Copyable {
    private(set) var messages: [NetlinkRequest] = []
    private var setCount: UInt32 = 0

    /// Starts without changes.
    public init() {}

    /// How many steps there are so far: the number that the next one gets.
    public var stepCount: Int { messages.count }

    /// Whether there is nothing to commit.
    public var isEmpty: Bool { messages.isEmpty }

    // MARK: Tables and chains

    /// `add table`: makes a table unless it is there.
    public mutating func add(_ table: Table) throws(NetlinkError) {
        try append("add table \(table)", NFT_MSG_NEWTABLE, table.family, [.create]) { writer in
            writer.put(NFTA_TABLE_NAME, string: table.name)
        }
    }

    /// `delete table`: with all that is in it.
    public mutating func delete(_ table: Table) throws(NetlinkError) {
        try append("delete table \(table)", NFT_MSG_DELTABLE, table.family, []) { writer in
            writer.put(NFTA_TABLE_NAME, string: table.name)
        }
    }

    /// `add chain`: makes a chain unless it is there.
    public mutating func add(_ chain: Chain, to table: Table) throws(NetlinkError) {
        try append("add chain \(table) \(chain.name)", NFT_MSG_NEWCHAIN, table.family, [.create]) { writer in
            writer.put(NFTA_CHAIN_TABLE, string: table.name)
            writer.put(NFTA_CHAIN_NAME, string: chain.name)
            if let attachment = chain.attachment {
                writer.nest(NFTA_CHAIN_HOOK) { writer in
                    writer.put(NFTA_HOOK_HOOKNUM, attachment.hook.rawValue)
                    writer.put(NFTA_HOOK_PRIORITY, UInt32(bitPattern: attachment.priority))
                }
                writer.put(NFTA_CHAIN_POLICY, UInt32(bitPattern: Verdict.accept.code))
                writer.put(NFTA_CHAIN_TYPE, string: attachment.kind.rawValue)
            }
            writer.put(NFTA_CHAIN_USERDATA, comment: chain.comment)
        }
    }

    /// `delete chain`: with its rules; one that something leads to is refused (`EBUSY`).
    public mutating func deleteChain(_ name: String, of table: Table) throws(NetlinkError) {
        try append("delete chain \(table) \(name)", NFT_MSG_DELCHAIN, table.family, []) { writer in
            writer.put(NFTA_CHAIN_TABLE, string: table.name)
            writer.put(NFTA_CHAIN_NAME, string: name)
        }
    }

    /// `flush chain`: removes its rules.
    public mutating func flushChain(_ name: String, of table: Table) throws(NetlinkError) {
        try append("flush chain \(table) \(name)", NFT_MSG_DELRULE, table.family, []) { writer in
            writer.put(NFTA_RULE_TABLE, string: table.name)
            writer.put(NFTA_RULE_CHAIN, string: name)
        }
    }

    // MARK: Rules

    /// `add rule`, or `insert rule` when it is to be the first.
    public mutating func add(
        _ rule: Rule,
        to chain: String,
        of table: Table,
        first: Bool = false
    ) throws(NetlinkError) {
        try append(rule, to: chain, of: table, first ? [.create] : [.create, .append]) { _ in }
    }

    /// `insert rule … handle`: before another rule of the chain.
    public mutating func add(
        _ rule: Rule,
        to chain: String,
        of table: Table,
        before handle: UInt64
    ) throws(NetlinkError) {
        try append(rule, to: chain, of: table, [.create]) { writer in
            writer.put(Int(NFTA_RULE_POSITION.rawValue), bigEndian: handle)
        }
    }

    private mutating func append(
        _ rule: Rule,
        to chain: String,
        of table: Table,
        _ flags: MessageFlags,
        _ body: (inout AttributeWriter) -> Void
    ) throws(NetlinkError) {
        try append("add rule to \(table) \(chain)", NFT_MSG_NEWRULE, table.family, flags) { writer in
            writer.put(NFTA_RULE_TABLE, string: table.name)
            writer.put(NFTA_RULE_CHAIN, string: chain)
            writer.nest(NFTA_RULE_EXPRESSIONS) { writer in
                for expression in rule.expressions { expression.write(to: &writer) }
            }
            writer.put(NFTA_RULE_USERDATA, comment: rule.comment)
            body(&writer)
        }
    }

    /// `delete rule … handle`.
    public mutating func deleteRule(_ handle: UInt64, from chain: String, of table: Table) throws(NetlinkError) {
        try append("delete rule \(handle) of \(table) \(chain)", NFT_MSG_DELRULE, table.family, []) { writer in
            writer.put(NFTA_RULE_TABLE, string: table.name)
            writer.put(NFTA_RULE_CHAIN, string: chain)
            writer.put(Int(NFTA_RULE_HANDLE.rawValue), bigEndian: handle)
        }
    }

    // MARK: Sets

    /// `add set`, `add map`: makes it unless it is there.
    public mutating func add(_ set: NamedSet) throws(NetlinkError) {
        setCount += 1
        let identifier = setCount
        let what = set.value == .none ? "set" : "map"
        try append("add \(what) \(set.table) \(set.name)", NFT_MSG_NEWSET, set.table.family, [.create]) { writer in
            writer.put(NFTA_SET_TABLE, string: set.table.name)
            writer.put(NFTA_SET_NAME, string: set.name)
            writer.put(NFTA_SET_FLAGS, set.value == .none ? 0 : NFT_SET_MAP.rawValue)
            writer.put(NFTA_SET_KEY_TYPE, set.key.number)
            writer.put(NFTA_SET_KEY_LEN, UInt32(set.key.byteCount))
            switch set.value {
            case .none: break
            case .verdict: writer.put(NFTA_SET_DATA_TYPE, verdictType)
            case .fields(let types):
                writer.put(NFTA_SET_DATA_TYPE, types.number)
                writer.put(NFTA_SET_DATA_LEN, UInt32(types.byteCount))
            }
            if set.key == [.interfaceName] { writer.put(NFTA_SET_USERDATA, bytes: hostByteOrderKey) }
            // By which other messages of the transaction could name it; the kernel insists.
            writer.put(NFTA_SET_ID, identifier)
        }
    }

    /// `delete set`, `delete map`: one that rules use is refused (`EBUSY`).
    public mutating func deleteSet(_ set: NamedSet) throws(NetlinkError) {
        try append("delete set \(set.table) \(set.name)", NFT_MSG_DELSET, set.table.family, []) { writer in
            writer.put(NFTA_SET_TABLE, string: set.table.name)
            writer.put(NFTA_SET_NAME, string: set.name)
        }
    }

    /// `create element`, or `add element` when `exclusive` is false.
    ///
    /// An element with the same key and value is accepted silently unless `exclusive`, and keeps its remark. As many
    /// messages are made as an attribute's 64 KiB ask for.
    public mutating func add(
        _ elements: [SetElement],
        to set: NamedSet,
        exclusive: Bool = true
    ) throws(NetlinkError) {
        let flags: MessageFlags = exclusive ? [.create, .exclusive] : [.create]
        try appendElements(elements, "add", set, NFT_MSG_NEWSETELEM, flags) { (element, writer) in
            switch element.value {
            case .none: break
            case .verdict(let verdict): writer.nest(NFTA_SET_ELEM_DATA, verdict: verdict)
            case .fields(let bytes): writer.nest(NFTA_SET_ELEM_DATA, data: bytes)
            }
            writer.put(NFTA_SET_ELEM_USERDATA, comment: element.comment)
        }
    }

    /// `delete element`: by their keys; the kernel looks at nothing else, and refuses what is not there (`ENOENT`).
    public mutating func delete(_ elements: [SetElement], from set: NamedSet) throws(NetlinkError) {
        try appendElements(elements, "delete", set, NFT_MSG_DELSETELEM, []) { _, _ in }
    }

    private mutating func appendElements(
        _ elements: [SetElement],
        _ verb: String,
        _ set: NamedSet,
        _ type: nf_tables_msg_types,
        _ flags: MessageFlags,
        _ body: (SetElement, inout AttributeWriter) -> Void
    ) throws(NetlinkError) {
        var rest = elements[...]
        while !rest.isEmpty {
            // A key of at most 64 bytes, a value, a remark of at most 127 and eight attribute headers.
            let part = rest.prefix(Transaction.elementsPerMessage)
            rest = rest.dropFirst(Transaction.elementsPerMessage)
            try append("\(verb) element of \(set.table) \(set.name)", type, set.table.family, flags) { writer in
                writer.put(NFTA_SET_ELEM_LIST_TABLE, string: set.table.name)
                writer.put(NFTA_SET_ELEM_LIST_SET, string: set.name)
                writer.nest(NFTA_SET_ELEM_LIST_ELEMENTS) { writer in
                    for element in part {
                        writer.nest(NFTA_LIST_ELEM) { writer in
                            writer.nest(NFTA_SET_ELEM_KEY, data: element.key)
                            body(element, &writer)
                        }
                    }
                }
            }
        }
    }

    /// So many elements of the largest size fit into one attribute of 64 KiB.
    private static var elementsPerMessage: Int { 128 }

    private mutating func append(
        _ operation: String,
        _ type: nf_tables_msg_types,
        _ family: TableFamily,
        _ flags: MessageFlags,
        _ body: (inout AttributeWriter) -> Void
    ) throws(NetlinkError) {
        messages.append(try .nfTables(operation, type, family, flags, body))
    }
}

extension NetlinkRequest {
    /// A message for nf_tables.
    static func nfTables(
        _ operation: String,
        _ type: nf_tables_msg_types,
        _ family: TableFamily,
        _ flags: MessageFlags,
        _ body: (inout AttributeWriter) -> Void
    ) throws(NetlinkError) -> NetlinkRequest {
        try NetlinkRequest(
            operation,
            purpose: .changeRuleset,
            type: Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(type.rawValue),
            flags: flags
        ) { writer in
            writer.append(header: nfgenmsg(nfgen_family: family.rawValue, version: 0, res_id: 0))
            body(&writer)
        }
    }

    /// The first or last message of a batch.
    static func batchLimit(
        _ operation: String,
        _ type: Int32,
        _ body: (inout AttributeWriter) -> Void = { _ in }
    ) throws(NetlinkError) -> NetlinkRequest {
        try NetlinkRequest(operation, purpose: .changeRuleset, type: Int(type), flags: []) { writer in
            let subsystem = UInt16(NFNL_SUBSYS_NFTABLES).bigEndian
            writer.append(header: nfgenmsg(nfgen_family: 0, version: 0, res_id: subsystem))
            body(&writer)
        }
    }
}

/// What nft writes for a verdict map's values.
///
/// The corresponding C constant is `NFT_DATA_VERDICT`.
let verdictType: UInt32 = 0xffff_ff00

/// Tells nft that a set's keys are in the host's byte order, as it takes interfaces' names to be: type
/// `NFTNL_UDATA_SET_KEYBYTEORDER`, length, `BYTEORDER_HOST_ENDIAN`.
///
/// Without it nft prints them empty.
private let hostByteOrderKey: [UInt8] = [0, 4] + withUnsafeBytes(of: UInt32(1)) { Array($0) }
