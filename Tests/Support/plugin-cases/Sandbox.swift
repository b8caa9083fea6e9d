// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import JSON
internal import LinuxSystem

/// Where something is done or looked at.
enum Place: Hashable, CustomStringConvertible {
    /// The namespace that plays the host.
    case host
    /// A container's namespace: 1 and 2 are the case's, 0 is the one of the warm-up.
    case container(Int)

    /// Reads "host", "container" or "container 2".
    init?(_ text: String) {
        switch text {
        case "host": self = .host
        case "container": self = .container(1)
        case "container 2": self = .container(2)
        default: return nil
        }
    }

    /// As a case writes it.
    var description: String {
        switch self {
        case .host: "host"
        case .container(let number): number == 1 ? "container" : "container \(number)"
        }
    }
}

/// What one case has to itself: a directory, a host namespace, three container namespaces.
///
/// All of it ends with the value.
final class Sandbox {
    /// The directory of the case, absolute.
    let directory: String
    /// The programs it runs.
    let tools: Tools
    private let host: NetworkNamespace
    private let warmUp: NetworkNamespace
    private let first: NetworkNamespace
    private let second: NetworkNamespace

    /// Makes the directory and the namespaces.
    init(tools: Tools) throws(CaseError) {
        self.tools = tools
        var template = Array("/tmp/plugin-cases.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw CaseError("mkdtemp /tmp: \(ErrorNumber.current)") }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        host = try system { () throws(SystemCallError) in try .temporary() }
        warmUp = try system { () throws(SystemCallError) in try .temporary() }
        first = try system { () throws(SystemCallError) in try .temporary() }
        second = try system { () throws(SystemCallError) in try .temporary() }
    }

    deinit { Self.removeTree(directory) }

    /// The path by which a plugin opens the namespace of a place.
    func path(of place: Place) -> String {
        let descriptor =
            switch place {
            case .host: host.rawDescriptor
            case .container(0): warmUp.rawDescriptor
            case .container(2): second.rawDescriptor
            case .container: first.rawDescriptor
            }
        return "/proc/\(getpid())/fd/\(descriptor)"
    }

    /// Runs a program under test in a place and waits for its end, which a time limit forces.
    func runLimited(
        _ words: [String],
        in place: Place,
        environment: [String],
        input: [UInt8]
    ) throws(CaseError) -> ChildProcess.Outcome {
        let command = [tools.timeout, "-s", "KILL", "\(Self.timeLimit)"] + words
        return try run(command, in: place, environment: environment, input: input)
    }

    /// Runs a program in a place and waits for its end.
    private func run(
        _ command: [String],
        in place: Place,
        environment: [String] = [],
        input: [UInt8] = []
    ) throws(CaseError) -> ChildProcess.Outcome {
        let environment = environment + ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        let body = { () -> Result<ChildProcess.Outcome, SystemCallError> in
            Result { () throws(SystemCallError) in
                var child = try ChildProcess.start(
                    command[0],
                    arguments: Array(command.dropFirst()),
                    environment: environment
                )
                try child.send(input)
                return try child.wait()
            }
        }
        let outcome = try namespace(of: place, body)
        return try system { () throws(SystemCallError) in try outcome.get() }
    }

    /// Runs something in the namespace of a place.
    private func namespace<Result>(of place: Place, _ body: () -> Result) throws(CaseError) -> Result {
        try system { () throws(SystemCallError) in
            switch place {
            case .host: try host.run(body)
            case .container(0): try warmUp.run(body)
            case .container(2): try second.run(body)
            case .container: try first.run(body)
            }
        }
    }

    /// Runs a shell script in a place and returns what it printed, without the last line end.
    ///
    /// - Throws: ``CaseError`` when it does not exit with status 0.
    @discardableResult
    func shell(_ script: String, in place: Place) throws(CaseError) -> String {
        let outcome = try run([tools.shell, "-ec", tools.prelude + script], in: place)
        guard outcome.termination == .exited(0) else {
            let said = String(decoding: outcome.standardError + outcome.standardOutput, as: UTF8.self)
            throw CaseError("in \(place), \(script): \(outcome.termination) \(said)")
        }
        let text = String(decoding: outcome.standardOutput, as: UTF8.self)
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    /// Runs `ip` in a place and returns its JSON; an empty array when it fails or prints nothing.
    func ip(_ words: String..., in place: Place) throws(CaseError) -> [JSONValue] {
        let outcome = try run([tools.ip, "-j", "-d"] + words, in: place)
        guard outcome.termination == .exited(0), let document = try? JSONValue(parsing: outcome.standardOutput) else {
            return []
        }
        // An element without members stands for what a filter left out.
        return (document.array ?? []).filter { $0.object?.members.isEmpty == false }
    }

    /// The nf_tables ruleset of a place as `nft -j` lists it; an empty array when there is none.
    func ruleset(in place: Place) throws(CaseError) -> [JSONValue] {
        guard try namespace(of: place, { Self.mayHaveRuleset() }) else { return [] }
        let outcome = try run([tools.nft, "-j", "list", "ruleset"], in: place)
        guard outcome.termination == .exited(0) else {
            throw CaseError("nft list ruleset: \(String(decoding: outcome.standardError, as: UTF8.self))")
        }
        return try decoding("nft list ruleset") { () throws(JSONError) in
            try JSONValue(parsing: outcome.standardOutput).value(at: "nftables")?.array ?? []
        }
    }

    /// Whether anybody has changed the ruleset of this thread's namespace: its generation starts at 1.
    ///
    /// A process of its own for each question adds up in a slow machine, and most cases have no rules. When in doubt,
    /// yes.
    private static func mayHaveRuleset() -> Bool {
        let netfilter: Int32 = 12  // NETLINK_NETFILTER
        let number = socket(AF_NETLINK, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), netfilter)
        guard number >= 0 else { return true }
        let socket = OwnedFileDescriptor(adopting: number)
        // Length, then NFT_MSG_GETGEN of NFNL_SUBSYS_NFTABLES with NLM_F_REQUEST, sequence, port, nfgenmsg.
        let question: [UInt32] = [20, 0x0001_0A10, 0, 0, 0]
        guard send(socket.rawValue, question, 20, 0) == 20 else { return true }
        var answer = [UInt32](repeating: 0, count: 64)
        // The number is the first attribute of the answer, after the same headers.
        guard recv(socket.rawValue, &answer, 256, 0) >= 28, answer[1] & 0xFFFF == 0x0A0F else { return true }
        return UInt32(bigEndian: answer[6]) > 1
    }

    /// How long a program may run, in seconds.
    ///
    /// Far above what any takes: it is for those that hang.
    static let timeLimit = 30

    /// Whether an outcome is that of a program the time limit ended.
    static func isTimeOut(_ outcome: ChildProcess.Outcome) -> Bool {
        outcome.termination == .signalled(SIGKILL) || outcome.termination == .exited(128 + SIGKILL)
    }

    private static func removeTree(_ path: String) {
        if let names = try? Directory.names(in: path) {
            for name in names where unlink("\(path)/\(name)") != 0 { removeTree("\(path)/\(name)") }
        }
        rmdir(path)
    }
}

/// The programs a runner needs, found where distributions put them.
struct Tools {
    /// `ip` of iproute2.
    let ip: String
    /// `nft` of nftables.
    let nft: String
    /// `timeout` of coreutils or busybox.
    let timeout: String
    /// `unshare` of util-linux or busybox.
    let unshare: String
    /// A POSIX shell.
    let shell: String
    /// What scripts start with: busybox's shell runs its own `ip` unless a function of that name is in the way.
    let prelude: String

    /// Finds the programs.
    init() throws(CaseError) {
        ip = try Self.locate("ip")
        nft = try Self.locate("nft")
        timeout = try Self.locate("timeout")
        unshare = try Self.locate("unshare")
        shell = try Self.locate("sh")
        let bridge = try Self.locate("bridge")
        prelude = "ip() { \(ip) \"$@\"; }; bridge() { \(bridge) \"$@\"; }; "
    }

    private static func locate(_ name: String) throws(CaseError) -> String {
        for directory in ["/usr/sbin", "/usr/bin", "/sbin", "/bin"] where File.isRegular("\(directory)/\(name)") {
            return "\(directory)/\(name)"
        }
        throw CaseError(
            "\(name) is not installed; the cases need iproute2, nftables, coreutils and util-linux, or busybox"
        )
    }
}
