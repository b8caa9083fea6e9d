// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import Netlink

extension Expression {
    /// Reads the kinds by which a rule's owner can be told, and those of which our unconditional rules are made; the others
    /// stay bytes.
    init(reading element: borrowing RawSpan) throws(NetlinkError) {
        var name = ""
        var octets: [UInt8] = []
        var known: Expression?
        try element.forEachNested { (type: nft_expr_attributes, value) throws(NetlinkError) in
            switch type {
            case NFTA_EXPR_NAME: name = value.string
            case NFTA_EXPR_DATA:
                octets = value.octets
                known =
                    switch name {
                    case "immediate": try Expression(readingImmediate: value)
                    case "payload": try Expression(readingPayload: value)
                    case "cmp": try Expression(readingComparison: value)
                    case "match": try Expression(readingMatch: value)
                    case "meta": try Expression(readingMeta: value)
                    case "bitwise": try Expression(readingBitwise: value)
                    case "masq": try Expression(readingMasquerade: value)
                    case "counter": .counter
                    default: nil
                    }
            default: break
            }
        }
        self = known ?? .unknown(name, octets)
    }

    private init?(readingImmediate data: borrowing RawSpan) throws(NetlinkError) {
        var verdict: Verdict?
        try data.forEachNested { (type: nft_immediate_attributes, value) throws(NetlinkError) in
            if type == NFTA_IMMEDIATE_DATA { verdict = try Verdict(reading: value) }
        }
        guard let verdict else { return nil }
        self = .verdict(verdict)
    }

    private init?(readingMatch data: borrowing RawSpan) throws(NetlinkError) {
        var name = ""
        var information = ""
        try data.forEachNested { (type: nft_match_attributes, value) throws(NetlinkError) in
            switch type {
            case NFTA_MATCH_NAME: name = value.string
            case NFTA_MATCH_INFO: information = value.string
            default: break
            }
        }
        guard name == "comment" else { return nil }
        self = .remark(information)
    }

    private init?(readingMeta data: borrowing RawSpan) throws(NetlinkError) {
        var key: MetaKey?
        var source: Register?
        var destination: Register?
        try data.forEachNested { (type: nft_meta_attributes, value) throws(NetlinkError) in
            switch type {
            case NFTA_META_KEY: key = MetaKey(rawValue: try value.bigEndian())
            case NFTA_META_SREG: source = Register(number: try value.bigEndian())
            case NFTA_META_DREG: destination = Register(number: try value.bigEndian())
            default: break
            }
        }
        guard let key else { return nil }
        if let source {
            self = .setMeta(key, from: source)
        } else if let destination {
            self = .meta(key, into: destination)
        } else {
            return nil
        }
    }

    private init?(readingBitwise data: borrowing RawSpan) throws(NetlinkError) {
        var source: Register?
        var destination: Register?
        var (mask, xor): ([UInt8], [UInt8]) = ([], [])
        var isMasking = true
        try data.forEachNested { (type: nft_bitwise_attributes, value) throws(NetlinkError) in
            switch type {
            case NFTA_BITWISE_SREG: source = Register(number: try value.bigEndian())
            case NFTA_BITWISE_DREG: destination = Register(number: try value.bigEndian())
            case NFTA_BITWISE_OP: isMasking = try value.bigEndian(UInt32.self) == 0
            case NFTA_BITWISE_MASK: mask = try value.dataOctets()
            case NFTA_BITWISE_XOR: xor = try value.dataOctets()
            default: break
            }
        }
        guard isMasking, let source, source == destination, mask.count == xor.count else { return nil }
        self = .bitwise(source, mask: mask, xor: xor)
    }

    private init?(readingMasquerade data: borrowing RawSpan) throws(NetlinkError) {
        var flags: UInt32 = 0
        var hasPorts = false
        try data.forEachNested { (type: nft_masq_attributes, value) throws(NetlinkError) in
            switch type {
            case NFTA_MASQ_FLAGS: flags = try value.bigEndian()
            case NFTA_MASQ_REG_PROTO_MIN, NFTA_MASQ_REG_PROTO_MAX: hasPorts = true
            default: break
            }
        }
        if hasPorts { return nil }
        self = .masquerade(MasqueradeFlags(rawValue: flags))
    }

    private init?(readingPayload data: borrowing RawSpan) throws(NetlinkError) {
        var (base, offset, length, register) = (UInt32(0), UInt32(0), UInt32(0), UInt32(0))
        try data.forEachNested { (type: nft_payload_attributes, value) throws(NetlinkError) in
            switch type {
            case NFTA_PAYLOAD_DREG: register = try value.bigEndian()
            case NFTA_PAYLOAD_BASE: base = try value.bigEndian()
            case NFTA_PAYLOAD_OFFSET: offset = try value.bigEndian()
            case NFTA_PAYLOAD_LEN: length = try value.bigEndian()
            default: break
            }
        }
        guard let base = PayloadBase(rawValue: base), let register = Register(number: register) else { return nil }
        self = .payload(base, offset: Int(offset), length: Int(length), into: register)
    }

    private init?(readingComparison data: borrowing RawSpan) throws(NetlinkError) {
        var register: UInt32 = 0
        var isEqual: Bool?
        var octets: [UInt8] = []
        try data.forEachNested { (type: nft_cmp_attributes, value) throws(NetlinkError) in
            switch type {
            case NFTA_CMP_SREG: register = try value.bigEndian()
            case NFTA_CMP_OP:
                let operation = try value.bigEndian(UInt32.self)
                if operation == NFT_CMP_EQ.rawValue { isEqual = true }
                if operation == NFT_CMP_NEQ.rawValue { isEqual = false }
            case NFTA_CMP_DATA: octets = try value.dataOctets()
            default: break
            }
        }
        guard let isEqual, let register = Register(number: register) else { return nil }
        self = .compare(register, isEqual: isEqual, octets)
    }
}

extension Register {
    /// Reads the kernel's number; nil for the verdict's.
    init?(number: UInt32) {
        switch number {
        case 1...4: self.init(word: Int(number - 1) * 4)
        case 8...23: self.init(word: Int(number - 8))
        default: return nil
        }
    }
}
