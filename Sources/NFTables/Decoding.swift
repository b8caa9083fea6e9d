// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import Netlink

extension NamedSet {
    /// nil when the set is another table's, or made for a single rule.
    init?(reading payload: borrowing RawSpan, in table: Table) throws(NetlinkError) {
        var (owner, name) = ("", "")
        var (flags, keyType, valueType) = (UInt32(0), UInt32(0), UInt32(0))
        try payload.forEachAttribute { (type: nft_set_attributes, value) throws(NetlinkError) in
            switch type {
            case NFTA_SET_TABLE: owner = value.string
            case NFTA_SET_NAME: name = value.string
            case NFTA_SET_FLAGS: flags = try value.bigEndian()
            case NFTA_SET_KEY_TYPE: keyType = try value.bigEndian()
            case NFTA_SET_DATA_TYPE: valueType = try value.bigEndian()
            default: break
            }
        }
        guard owner == table.name, flags & NFT_SET_ANONYMOUS.rawValue == 0 else { return nil }
        let isMap = flags & NFT_SET_MAP.rawValue != 0
        self.init(
            name,
            in: table,
            key: [FieldType](number: keyType) ?? [],
            value: !isMap ? .none : valueType == verdictType ? .verdict : .fields([FieldType](number: valueType) ?? [])
        )
    }
}

extension SetElement {
    init(reading bytes: borrowing RawSpan) throws(NetlinkError) {
        var key: [UInt8] = []
        var value = Value.none
        var comment = ""
        try bytes.forEachNested { (type: nft_set_elem_attributes, payload) throws(NetlinkError) in
            switch type {
            case NFTA_SET_ELEM_KEY: key = try payload.dataOctets()
            case NFTA_SET_ELEM_DATA:
                if let verdict = try Verdict(reading: payload) {
                    value = .verdict(verdict)
                } else {
                    value = .fields(try payload.dataOctets())
                }
            case NFTA_SET_ELEM_USERDATA: comment = try payload.comment(type: 0)
            default: break
            }
        }
        self.init(key: key, value: value, comment: comment)
    }
}

extension ListedTable {
    init(reading payload: borrowing RawSpan) throws(NetlinkError) {
        var (flags, useCount) = (UInt32(0), UInt32(0))
        try payload.forEachAttribute { (type: nft_table_attributes, value) throws(NetlinkError) in
            switch type {
            case NFTA_TABLE_FLAGS: flags = try value.bigEndian()
            case NFTA_TABLE_USE: useCount = try value.bigEndian()
            default: break
            }
        }
        self.init(flags: flags, useCount: useCount)
    }
}

extension ListedChain {
    init(reading payload: borrowing RawSpan) throws(NetlinkError) {
        var (name, comment, kind) = ("", "", "")
        var (useCount, hook, priority) = (UInt32(0), UInt32(0), UInt32(0))
        var isBase = false
        var policy: Verdict?
        try payload.forEachAttribute { (type: nft_chain_attributes, value) throws(NetlinkError) in
            switch type {
            case NFTA_CHAIN_NAME: name = value.string
            case NFTA_CHAIN_USE: useCount = try value.bigEndian()
            case NFTA_CHAIN_TYPE: kind = value.string
            case NFTA_CHAIN_POLICY:
                policy = Verdict(code: Int32(bitPattern: try value.bigEndian(UInt32.self)), target: "")
            case NFTA_CHAIN_HOOK:
                isBase = true
                try value.forEachNested { (type: nft_hook_attributes, value) throws(NetlinkError) in
                    switch type {
                    case NFTA_HOOK_HOOKNUM: hook = try value.bigEndian()
                    case NFTA_HOOK_PRIORITY: priority = try value.bigEndian()
                    default: break
                    }
                }
            case NFTA_CHAIN_USERDATA: comment = try value.comment(type: 0)
            default: break
            }
        }
        var attachment: Chain.Attachment?
        if isBase, let kind = Chain.Attachment.Kind(rawValue: kind), let hook = Chain.Attachment.Hook(rawValue: hook) {
            attachment = Chain.Attachment(kind, hook, priority: Int32(bitPattern: priority))
        }
        self.init(
            name: name,
            useCount: useCount,
            comment: comment,
            isBase: isBase,
            attachment: attachment,
            policy: isBase ? policy : nil
        )
    }
}

extension ListedRule {
    init(reading payload: borrowing RawSpan) throws(NetlinkError) {
        var handle: UInt64 = 0
        var expressions: [Expression] = []
        var comment = ""
        try payload.forEachAttribute { (type: nft_rule_attributes, value) throws(NetlinkError) in
            switch type {
            case NFTA_RULE_HANDLE: handle = try value.bigEndian()
            case NFTA_RULE_EXPRESSIONS:
                try AttributeReader.forEach(in: value) { (_, element) throws(NetlinkError) in
                    expressions.append(try Expression(reading: element))
                }
            case NFTA_RULE_USERDATA: comment = try value.comment(type: 0)
            default: break
            }
        }
        // iptables keeps remarks in a match of its own.
        for case .remark(let text) in expressions where comment.isEmpty { comment = text }
        self.init(handle: handle, expressions: expressions, comment: comment)
    }
}

extension Verdict {
    /// The verdict inside `struct nft_data`'s attributes; nil when these hold bytes.
    init?(reading data: borrowing RawSpan) throws(NetlinkError) {
        var code: Int32?
        var target = ""
        try data.forEachNested { (type: nft_data_attributes, value) throws(NetlinkError) in
            guard type == NFTA_DATA_VERDICT else { return }
            try value.forEachNested { (type: nft_verdict_attributes, value) throws(NetlinkError) in
                switch type {
                case NFTA_VERDICT_CODE: code = Int32(bitPattern: try value.bigEndian(UInt32.self))
                case NFTA_VERDICT_CHAIN: target = value.string
                default: break
                }
            }
        }
        guard let code else { return nil }
        self.init(code: code, target: target)
    }
}

extension RawSpan {
    /// The bytes inside `struct nft_data`'s attributes; empty when these hold a verdict.
    func dataOctets() throws(NetlinkError) -> [UInt8] {
        var octets: [UInt8] = []
        try forEachNested { (type: nft_data_attributes, value) throws(NetlinkError) in
            if type == NFTA_DATA_VALUE { octets = value.octets }
        }
        return octets
    }

    /// The remark in user data: entries of type, length and bytes, of which the type says what it is.
    func comment(type wanted: UInt8) throws(NetlinkError) -> String {
        var position = 0
        while byteCount - position >= 2 {
            let type = try field(at: position, UInt8.self)
            let length = Int(try field(at: position + 1, UInt8.self))
            guard byteCount - position - 2 >= length else { break }
            if type == wanted { return extracting((position + 2)..<(position + 2 + length)).string }
            position += 2 + length
        }
        return ""
    }
}
