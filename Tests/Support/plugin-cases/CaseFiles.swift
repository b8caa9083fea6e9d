// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import LinuxSystem

/// The case files of a directory: `<program>/<topic>.json`.
enum CaseFiles {
    /// All cases in the order of program, topic and file.
    static func read(_ directory: String) throws(CaseError) -> [TestCase] {
        var cases: [TestCase] = []
        for folder in try names(in: directory) where Directory.exists("\(directory)/\(folder)") {
            for name in try names(in: "\(directory)/\(folder)") where name.hasSuffix(".json") {
                cases += try read("\(directory)/\(folder)/\(name)", folder: folder)
            }
        }
        let titles = cases.map(\.title)
        for (title, count) in Dictionary(titles.map { ($0, 1) }, uniquingKeysWith: +) where count > 1 {
            throw CaseError("\(count) cases are called \"\(title)\"; a name must tell a case from all others")
        }
        let requirements = Set(Requirement.all.map(\.name))
        for testCase in cases where !requirements.isSuperset(of: testCase.requirements) {
            throw CaseError("\(testCase.title): requires \(testCase.requirements); known are \(requirements.sorted())")
        }
        return cases
    }

    private static func names(in directory: String) throws(CaseError) -> [String] {
        try system { () throws(SystemCallError) in try Directory.names(in: directory).sorted() }
    }

    private static func read(_ path: String, folder: String) throws(CaseError) -> [TestCase] {
        let bytes = try system { () throws(SystemCallError) in try File.contents(of: path) }
        return try decoding(path) { () throws(JSONError) in
            let document = JSONNode(try JSONValue(parsing: bytes))
            try document.requireKeys(["program", "config", "chain", "warmUp", "require", "cases"])
            let defaults = try document.object()
            var cases: [TestCase] = []
            for element in try document.requiredMember("cases").elements() {
                cases += try TestCase.read(element, folder: folder, defaults: defaults)
            }
            return cases
        }
    }
}
