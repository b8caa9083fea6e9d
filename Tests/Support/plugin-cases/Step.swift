// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

/// One thing a case does, and what must be true then.
enum Step {
    /// A program under test is run.
    case invoke(Invocation)
    /// A shell script changes something.
    case shell(Place, String)
    /// A witness is asked.
    case look(Look)
    /// Nothing may differ from the state before the first step.
    case nothingLeft

    /// Reads a step of a case file.
    init(_ node: JSONNode) throws(JSONError) {
        if node["do"] != nil || node["arguments"] != nil {
            self = .invoke(try Invocation(node))
        } else if node["expect"]?.value == "nothing left" {
            try node.requireKeys(["expect"])
            self = .nothingLeft
        } else {
            let location = try node.requiredMember("in")
            guard let place = Place(try location.string()) else {
                throw location.invalid("must be \"host\", \"container\" or \"container 2\"")
            }
            if let script = node["run"] {
                try node.requireKeys(["in", "run"])
                self = .shell(place, try script.string())
            } else {
                self = .look(try Look(node, in: place))
            }
        }
    }
}

/// One run of a program under test.
struct Invocation {
    /// `CNI_COMMAND`; empty for none.
    let verb: String
    /// The executable; nil for the case's.
    let program: String?
    /// Which container `CNI_NETNS` and `CNI_CONTAINERID` name.
    let container: Int
    /// A merge patch on the case's configuration.
    let patch: JSONValue
    /// Standard input instead of the configuration: a string, or a list of strings, `{"repeat", "times"}`, `{"hex"}`.
    let input: JSONValue?
    /// Changes of the environment; nil removes.
    let environment: [(name: String, value: String?)]
    /// Words after the program's name; nil for plugins.
    let arguments: [String]?
    /// Whether CHECK and DEL get the result of the attachment's ADD, as a runtime gives it.
    let givesPreviousResult: Bool
    /// What must come of it.
    let expectation: Expectation
    /// Names for parts of the result, as paths into it.
    let remember: [(name: String, path: String)]

    /// Reads a step that runs a program.
    init(_ node: JSONNode) throws(JSONError) {
        try node.requireKeys([
            "do", "program", "container", "with", "stdin", "environment", "arguments", "prevResult", "remember",
            "exit", "result", "exactly", "stdout", "stderr", "error",
        ])
        verb = try node["do"]?.string() ?? ""
        program = try node["program"]?.string()
        container = Int(try node["container"]?.integer(in: 0...2) ?? 1)
        patch = node["with"]?.value ?? [:]
        input = node["stdin"]?.value
        environment = try node["environment"]?.object().members.map { ($0.key, $0.value.string) } ?? []
        arguments = try node["arguments"]?.strings()
        givesPreviousResult = try node["prevResult"]?.boolean() ?? true
        remember = try node["remember"]?.object().members.map { ($0.key, $0.value.string ?? "") } ?? []
        expectation = try Expectation(node)
    }
}

/// What must come of a run.
struct Expectation {
    /// The exit status.
    let exit: Int32
    /// What the one document on standard output must match.
    let result: JSONValue?
    /// The same without a member more.
    let exact: JSONValue?
    /// Standard output as text.
    let output: String?
    /// Texts that standard error must hold.
    let errorOutput: [String]
    /// What the code of the error document must match.
    let errorCode: JSONValue?
    /// Texts that message or details must hold, in any case of letters.
    let errorTexts: [String]
    /// What the whole error document must match.
    let errorDocument: JSONValue?

    /// Success and nothing more.
    static var success: Expectation { Expectation() }

    private init() {
        exit = 0
        (result, exact, output, errorCode, errorDocument) = (nil, nil, nil, nil, nil)
        (errorOutput, errorTexts) = ([], [])
    }

    init(_ node: JSONNode) throws(JSONError) {
        let error = node["error"]
        try error?.requireKeys(["code", "says", "document"])
        exit = Int32(try node["exit"]?.integer(in: 0...255) ?? (error == nil ? 0 : 1))
        result = node["result"]?.value
        exact = node["exactly"]?.value
        output = try node["stdout"]?.string()
        errorOutput = try node["stderr"]?.strings() ?? []
        errorCode = error?["code"]?.value
        errorTexts = try error?["says"]?.strings() ?? []
        errorDocument = error?["document"]?.value
    }
}

/// A question to a witness and the answer that is expected.
struct Look {
    /// Where it is asked.
    let place: Place
    /// What is asked.
    let question: Question
    /// The answer that is expected.
    let answer: JSONValue

    /// What can be asked.
    enum Question {
        /// `ip -j -d link show dev NAME`; absent when there is no such link.
        case link(String)
        /// Addresses of a link with a scope wider than the link, as "address/length".
        case addresses(String)
        /// `ip -j -d route show`, with words such as "-6" and "table 100".
        case routes(String)
        /// A setting below /proc/sys, with slashes.
        case sysctl(String)
        /// The contents of a file; absent when there is none.
        case file(String)
        /// The names in a directory, sorted, without those that belong to the network (lock, cursors, index).
        case names(String)
        /// The elements of an nf_tables set or map, "inet cni masquerade4", each as "key : data"; absent without it.
        case elements(String)
        /// What a shell script prints, as JSON.
        case json(String)
        /// What a shell script prints, as text.
        case text(String)
    }

    init(_ node: JSONNode, in place: Place) throws(JSONError) {
        self.place = place
        let makers: [(String, (String) -> Question)] = [
            ("link", { .link($0) }), ("addresses", { .addresses($0) }), ("routes", { .routes($0) }),
            ("sysctl", { .sysctl($0) }), ("file", { .file($0) }), ("names", { .names($0) }),
            ("elements", { .elements($0) }),
            ("json", { .json($0) }), ("text", { .text($0) }),
        ]
        guard let (key, make) = makers.first(where: { node[$0.0] != nil }) else {
            throw node.invalid("is no step; one of do, arguments, run, expect, link, addresses, routes … is needed")
        }
        try node.requireKeys(["in", "is", key])
        question = make(try node.requiredMember(key).string())
        answer = try node.requiredMember("is").value
    }
}
