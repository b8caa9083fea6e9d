// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

/// One case for one version of the specification, as a case file describes it (Tests/Cases/README.md).
struct TestCase {
    /// What tells it from all others, such as "bridge: a mtu is set on both ends (1.0.0)".
    let title: String
    /// The executable under test.
    let program: String
    /// `$VERSION`.
    let version: String
    /// What the kernel must be able to do, by the names in ``Requirement``.
    let requirements: [String]
    /// The network configuration that invocations start from.
    let configuration: JSONValue
    /// The plugins that stand before the program in the network's list: executable and configuration.
    let chain: [(program: String, configuration: JSONValue)]
    /// Files below the case's directory: name and contents.
    let files: [(name: String, contents: JSONValue)]
    /// Shell scripts that stand first in CNI_PATH.
    let delegates: [(name: String, script: String)]
    /// What changes the configuration for a warm-up ADD and DEL before the first snapshot; nil for no warm-up.
    let warmUp: JSONValue?
    /// Whether attachments that still live after the last step are removed and the snapshots compared.
    let leavesNothing: Bool
    /// What is done before the first snapshot.
    let before: [Step]
    /// What is done and expected.
    let steps: [Step]

    /// Every version of the specification.
    static var versions: [String] { ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] }

    /// Reads one case of a file, once for each of its programs and versions.
    ///
    /// - Parameters:
    ///   - folder: The name of the file's folder, the program unless the case names one.
    ///   - defaults: What the file says for all its cases.
    static func read(_ node: JSONNode, folder: String, defaults: JSONObject) throws(JSONError) -> [TestCase] {
        try node.requireKeys([
            "name", "program", "programs", "versions", "require", "config", "chain", "files", "delegates", "warmUp",
            "leavesNothing", "before", "steps",
        ])
        let name = try node.requiredMember("name").string()
        if let programs = try node["programs"]?.strings() {
            var cases: [TestCase] = []
            for program in programs {
                var members = try node.object()
                members["programs"] = nil
                members["program"] = .string(program)
                cases += try read(JSONNode(.object(members), path: node.path), folder: folder, defaults: defaults)
            }
            return cases
        }
        let program = try node["program"]?.string() ?? defaults["program"]?.string ?? folder
        var steps: [Step] = []
        for step in try node.requiredMember("steps").elements() { steps.append(try Step(step)) }
        var before: [Step] = []
        for step in try node["before"]?.elements() ?? [] { before.append(try Step(step)) }
        var files: [(String, JSONValue)] = []
        for file in try node["files"]?.object().members ?? [] { files.append((file.key, file.value)) }
        var delegates: [(String, String)] = []
        for delegate in try node["delegates"]?.object().members ?? [] {
            delegates.append((delegate.key, delegate.value.string ?? ""))
        }
        let configuration = basis(program).merging(defaults["config"] ?? [:]).merging(node["config"]?.value ?? [:])
        let predecessors = JSONValue.object([]).merging(defaults["chain"] ?? [:]).merging(node["chain"]?.value ?? [:])
        let chain = predecessors.object?.members.map { ($0.key, basis($0.key).merging($0.value)) } ?? []
        let warmUp = node["warmUp"]?.value ?? defaults["warmUp"]
        let requirements = try JSONNode(node["require"]?.value ?? defaults["require"] ?? []).strings()
        let leavesNothing = try node["leavesNothing"]?.boolean() ?? true
        let versions = try node["versions"].map { node throws(JSONError) in try readVersions(node) }
        return (versions ?? ["1.0.0"]).map { version in
            TestCase(
                title: "\(program): \(name)" + (versions == nil ? "" : " (\(version))"),
                program: program,
                version: version,
                requirements: requirements,
                configuration: configuration,
                chain: chain,
                files: files,
                delegates: delegates,
                warmUp: warmUp == .boolean(false) ? nil : warmUp == .boolean(true) ? [:] : warmUp,
                leavesNothing: leavesNothing,
                before: before,
                steps: steps
            )
        }
    }

    /// What every configuration has.
    private static func basis(_ program: String) -> JSONValue {
        ["cniVersion": "$VERSION", "name": "cases", "type": .string(program)]
    }

    /// The configuration that a program of the case starts from: that of its place in the chain, or the case's.
    func configuration(of program: String) -> JSONValue {
        chain.first { $0.program == program }?.configuration ?? configuration
    }

    /// Versions as a list, or as `">=0.4.0"`.
    private static func readVersions(_ node: JSONNode) throws(JSONError) -> [String] {
        guard let text = node.value.string else { return try node.strings() }
        guard text.hasPrefix(">="), let first = versions.firstIndex(of: String(text.dropFirst(2))) else {
            throw node.invalid("is \"\(text)\", must be a list of versions or \">=VERSION\"")
        }
        return Array(versions[first...])
    }
}

extension JSONNode {
    /// Refuses members that mean nothing: a misspelt expectation would never fail.
    func requireKeys(_ known: Set<String>) throws(JSONError) {
        for member in try object().members where !known.contains(member.key) {
            throw JSONError(
                at: path(of: member.key),
                "is not known here; known are \(known.sorted().joined(separator: ", "))"
            )
        }
    }
}
