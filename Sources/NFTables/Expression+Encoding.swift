// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNetlink
internal import Netlink

extension AttributeWriter {
    mutating func put<A: RawRepresentable<UInt32>>(_ attribute: A, _ value: UInt32) {
        put(Int(attribute.rawValue), bigEndian: value)
    }

    mutating func put<A: RawRepresentable<UInt32>>(_ attribute: A, string: String) {
        put(Int(attribute.rawValue), string: string)
    }

    mutating func put<A: RawRepresentable<UInt32>>(_ attribute: A, bytes: [UInt8]) {
        put(Int(attribute.rawValue), bytes: bytes)
    }

    mutating func nest<A: RawRepresentable<UInt32>>(_ attribute: A, _ body: (inout AttributeWriter) -> Void) {
        nest(Int(attribute.rawValue), body)
    }

    /// Bytes or a verdict, inside `struct nft_data`'s attributes.
    mutating func nest<A: RawRepresentable<UInt32>>(_ attribute: A, data: [UInt8]) {
        nest(attribute) { $0.put(NFTA_DATA_VALUE, bytes: data) }
    }

    mutating func nest<A: RawRepresentable<UInt32>>(_ attribute: A, verdict: Verdict) {
        nest(attribute) { writer in
            writer.nest(NFTA_DATA_VERDICT) { writer in
                writer.put(NFTA_VERDICT_CODE, UInt32(bitPattern: verdict.code))
                if let target = verdict.target { writer.put(NFTA_VERDICT_CHAIN, string: target) }
            }
        }
    }

    /// A remark as nft keeps it in user data: type, length, text, NUL.
    mutating func put<A: RawRepresentable<UInt32>>(_ attribute: A, comment: String, type: UInt8 = 0) {
        guard !comment.isEmpty else { return }
        let text = Array(comment.utf8.prefix(127))
        put(attribute, bytes: [type, UInt8(text.count + 1)] + text + [0])
    }
}

extension Expression {
    /// Writes the expression as an element of a rule's list.
    func write(to writer: inout AttributeWriter) {
        writer.nest(NFTA_LIST_ELEM) { writer in
            writer.put(NFTA_EXPR_NAME, string: kernelName)
            // An expression without options still has the attribute.
            writer.nest(NFTA_EXPR_DATA) { writer in writeData(to: &writer) }
        }
    }

    private var kernelName: String {
        switch self {
        case .meta, .setMeta: "meta"
        case .payload: "payload"
        case .connection: "ct"
        case .destinationType: "fib"
        case .bitwise: "bitwise"
        case .compare: "cmp"
        case .lookUp: "lookup"
        case .verdict: "immediate"
        case .destinationNAT: "nat"
        case .masquerade: "masq"
        case .counter: "counter"
        case .remark: "match"
        case .unknown(let name, _): name
        }
    }

    private func writeData(to writer: inout AttributeWriter) {
        switch self {
        case .meta(let key, let register):
            writer.put(NFTA_META_DREG, register.number)
            writer.put(NFTA_META_KEY, key.rawValue)
        case .setMeta(let key, let register):
            writer.put(NFTA_META_KEY, key.rawValue)
            writer.put(NFTA_META_SREG, register.number)
        case .payload(let base, let offset, let length, let register):
            writer.put(NFTA_PAYLOAD_DREG, register.number)
            writer.put(NFTA_PAYLOAD_BASE, base.rawValue)
            writer.put(NFTA_PAYLOAD_OFFSET, UInt32(offset))
            writer.put(NFTA_PAYLOAD_LEN, UInt32(length))
        case .connection(let key, let register):
            writer.put(NFTA_CT_DREG, register.number)
            writer.put(NFTA_CT_KEY, key.rawValue)
        case .destinationType(let register):
            writer.put(NFTA_FIB_DREG, register.number)
            writer.put(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE.rawValue)
            writer.put(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR.rawValue)
        case .bitwise(let register, let mask, let xor):
            writer.put(NFTA_BITWISE_SREG, register.number)
            writer.put(NFTA_BITWISE_DREG, register.number)
            writer.put(NFTA_BITWISE_LEN, UInt32(mask.count))
            writer.nest(NFTA_BITWISE_MASK, data: mask)
            writer.nest(NFTA_BITWISE_XOR, data: xor)
        case .compare(let register, let isEqual, let bytes):
            writer.put(NFTA_CMP_SREG, register.number)
            writer.put(NFTA_CMP_OP, (isEqual ? NFT_CMP_EQ : NFT_CMP_NEQ).rawValue)
            writer.nest(NFTA_CMP_DATA, data: bytes)
        case .lookUp(let register, let set, let value):
            writer.put(NFTA_LOOKUP_SET, string: set)
            writer.put(NFTA_LOOKUP_SREG, register.number)
            switch value {
            case .membership(let isInverted):
                if isInverted { writer.put(NFTA_LOOKUP_FLAGS, UInt32(NFT_LOOKUP_F_INV.rawValue)) }
            case .load(let destination): writer.put(NFTA_LOOKUP_DREG, destination.number)
            case .verdict: writer.put(NFTA_LOOKUP_DREG, NFT_REG_VERDICT.rawValue)
            }
        case .verdict(let verdict):
            writer.put(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT.rawValue)
            writer.nest(NFTA_IMMEDIATE_DATA, verdict: verdict)
        case .destinationNAT(let family, let address, let port):
            writer.put(NFTA_NAT_TYPE, NFT_NAT_DNAT.rawValue)
            writer.put(NFTA_NAT_FAMILY, UInt32(family.rawValue))
            writer.put(NFTA_NAT_REG_ADDR_MIN, address.number)
            writer.put(NFTA_NAT_REG_PROTO_MIN, port.number)
        case .masquerade(let flags):
            if !flags.isEmpty { writer.put(NFTA_MASQ_FLAGS, flags.rawValue) }
        case .counter, .remark, .unknown: break
        }
    }
}
