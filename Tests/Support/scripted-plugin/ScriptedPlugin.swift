// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import JSON
internal import LinuxSystem

/// A plugin for tests: what it answers stands in `script.json` beside the name it is run by, what it was asked it
/// appends to `log.jsonl` there, one line each time.
///
/// The script maps plugin names to verbs to answers:
/// `{"first": {"ADD": {"result": {…}}, "DEL": {"exit": 1, "error": {"code": 7, "msg": "no"}}}}`. An answer's members:
/// * `result`, `error`: a document for standard output; an error makes the status 1 unless `exit` says otherwise,
/// * `passPreviousResult`: print the `prevResult` of the input,
/// * `stdout`, `stderr`: text to write as it is,
/// * `exit`: the status, 0 unless given,
/// * `signal`: the signal to end by,
/// * `sleepMilliseconds`: how long to wait between reading and answering,
/// * `ignoreInput`: do not read standard input.
/// A verb that the script leaves out succeeds with nothing; VERSION lists every version.
enum ScriptedPlugin {
    static func run(arguments: [String]) -> Int32 {
        let path = arguments.first ?? ""
        let directory = Path.parent(of: path)
        let verb = variable("CNI_COMMAND") ?? ""
        do {
            let script = JSONNode(try JSONValue(parsing: try File.contents(of: "\(directory)/script.json")))
            let answer = script[Path.lastComponent(of: path)]?[verb]
            var input: [UInt8] = []
            if try answer?["ignoreInput"]?.boolean() != true {
                input = try OwnedFileDescriptor(adopting: STDIN_FILENO)
                    .readToEnd(limit: File.defaultLimit, subject: "standard input")
            }
            try log(plugin: Path.lastComponent(of: path), input: input, to: "\(directory)/log.jsonl")
            guard let answer else {
                if verb == "VERSION" { write(versions, to: STDOUT_FILENO) }
                return 0
            }
            return try give(answer, input: input)
        } catch {
            write("scripted plugin: \(error)\n", to: STDERR_FILENO)
            return 99
        }
    }

    private static var versions: String {
        #"{"cniVersion": "1.1.0", "supportedVersions":"#
            + #"["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]}"#
    }

    private static func give(_ answer: JSONNode, input: [UInt8]) throws -> Int32 {
        if let pause = try answer["sleepMilliseconds"]?.integer(in: 0...60_000) { usleep(UInt32(pause) * 1000) }
        if let text = try answer["stderr"]?.string() { write(text, to: STDERR_FILENO) }
        if let text = try answer["stdout"]?.string() { write(text, to: STDOUT_FILENO) }
        if try answer["passPreviousResult"]?.boolean() == true {
            let previous = JSONNode(try JSONValue(parsing: input))["prevResult"]?.value ?? .null
            write(String(decoding: previous.text(), as: UTF8.self), to: STDOUT_FILENO)
        }
        for key in ["result", "error"] {
            if let document = answer[key] {
                write(String(decoding: document.value.text(), as: UTF8.self), to: STDOUT_FILENO)
            }
        }
        if let signal = try answer["signal"]?.integer(in: 1...64) { kill(getpid(), Int32(signal)) }
        return Int32(try answer["exit"]?.integer(in: 0...255) ?? (answer["error"] == nil ? 0 : 1))
    }

    /// Appends one line in one write, so that concurrent plugins do not mix theirs.
    private static func log(plugin: String, input: [UInt8], to path: String) throws {
        var environment = JSONObject()
        var pointer = environ
        while let entry = pointer.pointee {
            let sides = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if sides.count == 2 { environment[String(sides[0])] = .string(String(sides[1])) }
            pointer += 1
        }
        let parsed = try? JSONValue(parsing: input)
        let line: JSONValue = [
            "plugin": .string(plugin), "environment": .object(environment),
            "stdin": parsed ?? .string(String(decoding: input, as: UTF8.self)),
        ]
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemCallError("open", on: path, .current) }
        try OwnedFileDescriptor(adopting: descriptor).writeAll(line.text() + [UInt8(ascii: "\n")], subject: path)
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    private static func write(_ text: String, to descriptor: Int32) {
        let owned = OwnedFileDescriptor(adopting: descriptor)
        try? owned.writeAll(Array(text.utf8))
        _ = owned.release()
    }
}
