// swift-cni, SPDX-License-Identifier: Apache-2.0

import JSON

/// SplitMix64 (Steele, Lea, Flood 2014): the same seed gives the same numbers everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// Turns valid input into input that somebody got wrong, or meant badly.
struct Mutator {
    private var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    /// A number below a bound.
    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<max(bound, 1), using: &generator) }

    /// Whether something with this chance, in percent, happens.
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    /// One of several.
    mutating func choice<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    /// A document with one to three changes to its values, its text, or both.
    mutating func document(from base: JSONValue) -> [UInt8] {
        var value = base
        let kind = below(10)
        if kind < 7 {
            for _ in 0..<1 + below(2) { value = changed(value) }
        }
        var text = value.text(chance(20) ? .indented : .compact)
        if kind >= 6 {
            for _ in 0..<1 + below(3) { changeText(&text) }
        }
        return text
    }

    /// A string with a few of its characters changed.
    mutating func string(from base: String) -> String {
        if chance(40) { return choice(Hostile.strings) }
        var scalars = Array(base.unicodeScalars)
        for _ in 0..<1 + below(3) {
            let place = below(scalars.count + 1)
            switch below(4) {
            case 0 where place < scalars.count: scalars.remove(at: place)
            case 1 where place < scalars.count: scalars[place] = choice(Hostile.scalars)
            case 2: scalars.insert(choice(Hostile.scalars), at: place)
            default: scalars.insert(contentsOf: scalars[..<place], at: place)
            }
        }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return String(text)
    }

    // MARK: Values

    private mutating func changed(_ root: JSONValue) -> JSONValue {
        var countdown = below(root.nodeCount)
        return root.replacingNode(&countdown) { node in replacement(for: node, in: root) }
    }

    private mutating func replacement(for node: JSONValue, in root: JSONValue) -> JSONValue {
        switch below(8) {
        case 0, 1: return choice(Hostile.values)
        case 2:
            var countdown = below(root.nodeCount)
            var found = JSONValue.null
            _ = root.replacingNode(&countdown) { other in
                found = other
                return other
            }
            return found
        case 3: return chance(50) ? .array([node, node]) : .object(JSONObject([("a", node)]))
        default: return near(node)
        }
    }

    private mutating func near(_ node: JSONValue) -> JSONValue {
        switch node {
        case .string(let text): return .string(string(from: text))
        case .integer(let number):
            return .integer(choice([number &+ 1, number &- 1, 0 &- number, number &* 65_537, 0]))
        case .boolean(let flag): return chance(50) ? .boolean(!flag) : .string("\(flag)")
        case .array(let elements):
            guard !elements.isEmpty else { return .array([.null]) }
            var elements = elements
            if chance(50) { elements.remove(at: below(elements.count)) } else { elements += elements }
            return .array(elements)
        case .object(let object):
            guard !object.members.isEmpty else { return .object(JSONObject([("", .null)])) }
            var changed = JSONObject()
            let chosen = below(object.members.count)
            for (index, member) in object.members.enumerated() {
                if index != chosen {
                    changed[member.key] = member.value
                } else if chance(50) {
                    changed[string(from: member.key)] = member.value
                }
            }
            return .object(changed)
        case .real, .null: return choice(Hostile.values)
        }
    }

    // MARK: Text

    private mutating func changeText(_ text: inout [UInt8]) {
        let place = below(text.count + 1)
        switch below(12) {
        case 0: text.removeSubrange(place...)
        case 1 where place < text.count: text[place] ^= 1 << UInt8(below(8))
        case 2: text.removeSubrange(place..<min(place + 1 + below(20), text.count))
        case 3: text.insert(UInt8(below(256)), at: place)
        case 4: text.insert(contentsOf: text[..<place].suffix(40), at: place)
        case 5: text.insert(contentsOf: choice(Hostile.fragments), at: place)
        case 6:
            // A member of the outermost object, twice.
            let key = choice(["name", "type", "cniVersion", "ipam", "Bridge", "TYPE", "dataDir", "prevResult"])
            let value = String(decoding: choice(Hostile.values).text(), as: UTF8.self)
            if let brace = text.firstIndex(of: UInt8(ascii: "{")) {
                text.insert(contentsOf: Array("\"\(key)\":\(value),".utf8), at: brace + 1)
            }
        case 7: text += text
        case 8: text.insert(contentsOf: [0xef, 0xbb, 0xbf], at: 0)
        case 9:
            let depth = choice([10, 255, 256, 257, 1000, 2047, 2049, 100_000])
            let nested = Array(repeating: UInt8(ascii: chance(50) ? "[" : "{"), count: depth)
            text.insert(contentsOf: nested, at: place)
        case 10: replaceNumber(&text, near: place)
        default: if chance(10) { text = choice(Hostile.wholeDocuments) } else { text += choice(Hostile.fragments) }
        }
    }

    /// Replaces the first digits after a place by a number that fits nowhere.
    private mutating func replaceNumber(_ text: inout [UInt8], near place: Int) {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard let start = text[min(place, text.count)...].firstIndex(where: { digits.contains($0) }) else { return }
        let end = text[start...].firstIndex { !digits.contains($0) } ?? text.count
        text.replaceSubrange(start..<end, with: Array(choice(Hostile.numbers).utf8))
    }
}

extension JSONValue {
    /// How many values a document holds, itself included.
    fileprivate var nodeCount: Int {
        switch self {
        case .array(let elements): elements.reduce(1) { $0 + $1.nodeCount }
        case .object(let object): object.members.reduce(1) { $0 + $1.value.nodeCount }
        default: 1
        }
    }

    /// The document with one node, counted down to in depth-first order, replaced.
    fileprivate func replacingNode(_ countdown: inout Int, _ body: (JSONValue) -> JSONValue) -> JSONValue {
        countdown -= 1
        if countdown < 0 {
            // Once only: what follows must not match again.
            countdown = .max
            return body(self)
        }
        switch self {
        case .array(let elements): return .array(elements.map { $0.replacingNode(&countdown, body) })
        case .object(let object):
            return .object(JSONObject(object.members.map { ($0.key, $0.value.replacingNode(&countdown, body)) }))
        default: return self
        }
    }
}
