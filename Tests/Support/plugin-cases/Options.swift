// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem

/// What the command line asks for.
struct Options {
    /// Where the plugins under test are, `CNI_PATH` of every case.
    var plugins = ""
    /// Where the case files are.
    var cases = "Tests/Cases"
    /// Only cases whose title holds one of these texts are run; all when empty.
    var filters: [String] = []
    /// The list of failures that are expected.
    var differences: String?
    /// Whether the report is one JSON document.
    var isJSON = false
    /// Whether titles are printed instead of cases run.
    var isList = false

    /// How the program is used.
    static var usage: String {
        """
        usage: plugin-cases --plugins DIR [--cases DIR] [--filter TEXT]... [--differences FILE] [--json] [--list]

        Runs the black-box cases against the plugins in a directory, as root.
          --plugins DIR       the directory of the executables, as CNI_PATH names it
          --cases DIR         the directory of the case files (Tests/Cases)
          --filter TEXT       only cases whose title holds the text, or one of the texts
          --differences FILE  succeed when exactly the cases listed there fail
          --json              print the report as one JSON document
          --list              print the titles only
        """
    }

    /// Reads the words after the program's name.
    init(_ words: [String]) throws(CaseError) {
        var rest = words[...]
        while let word = rest.popFirst() {
            switch word {
            case "--json": isJSON = true
            case "--list": isList = true
            case "--plugins", "--cases", "--filter", "--differences":
                guard let value = rest.popFirst() else { throw CaseError("\(word) needs a value") }
                switch word {
                case "--plugins": plugins = Path.absolute(value)
                case "--cases": cases = value
                case "--filter": filters.append(value)
                default: differences = value
                }
            default: throw CaseError("unknown option \"\(word)\"")
            }
        }
        guard isList || Directory.exists(plugins) else {
            throw CaseError("--plugins \"\(plugins)\" is not a directory; it must be the one the plugins are in")
        }
    }
}
