// swift-cni, SPDX-License-Identifier: Apache-2.0

/// What the command line asks for.
struct Options {
    /// The directories of plugins that are compared.
    var ours = ""
    var reference = ""
    /// How often each contender runs.
    var pairs = 300
    /// Whether exceeding a budget by more than half is a failure.
    var gate = false
    /// Only rows whose name holds this text.
    var filter = ""
    /// Where the results go as JSON; nowhere when empty.
    var json = ""
    /// An empty directory for reservations.
    var scratch = ""
    /// Set in a worker of the throughput rows: which one it is.
    var worker: Int?
    /// Whose plugins the worker runs; they are in `ours`.
    var side = Side.ours

    static let usage = """
        usage: plugin-bench --ours DIR --reference DIR --scratch DIR [--pairs N] [--gate] [--filter TEXT] [--json FILE]
        """

    /// Reads the words after the program's name.
    init(_ words: [String]) throws {
        var words = words[...]
        while let word = words.popFirst() {
            if word == "--gate" {
                gate = true
                continue
            }
            guard let value = words.popFirst() else { throw BenchError("\(word) needs a value\n\(Options.usage)") }
            switch word {
            case "--ours": ours = value
            case "--reference": reference = value
            case "--pairs": pairs = try Options.positive(word, value)
            case "--filter": filter = value
            case "--json": json = value
            case "--scratch": scratch = value
            case "--side": side = Side(rawValue: value) ?? .ours
            case "--worker": worker = try Options.positive(word, value)
            default: throw BenchError("unknown argument \(word)\n\(Options.usage)")
            }
        }
        guard !ours.isEmpty, !scratch.isEmpty, worker != nil || !reference.isEmpty else {
            throw BenchError(Options.usage)
        }
    }

    private static func positive(_ word: String, _ value: String) throws -> Int {
        guard let number = Int(value), number > 0 else { throw BenchError("\(word) is \(value), must be 1 or more") }
        return number
    }
}
