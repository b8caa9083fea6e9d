// swift-cni, SPDX-License-Identifier: Apache-2.0

public import JSON
internal import LinuxSystem
internal import YAML

/// The objects of a file for `kubectl apply`.
public struct Manifest: Sendable {
    /// The objects in their order.
    public let objects: [JSONNode]

    /// Reads a text of YAML documents.
    public init(_ text: String) throws {
        var objects: [JSONNode] = []
        for document in Self.documents(of: text) {
            let value = try JSONValue(yaml: Array(document.utf8))
            let kind = value.object?["kind"]?.string ?? "object \(objects.count + 1)"
            objects.append(JSONNode(value, path: kind))
        }
        self.objects = objects
    }

    /// Reads a manifest of this package by its name in `netconf/kubernetes`.
    public init(ofPackage name: String) throws { try self.init(Self.text(ofPackage: name)) }

    /// The text of a manifest of this package.
    public static func text(ofPackage name: String) throws -> String {
        let root = Path.parent(of: Path.parent(of: Path.parent(of: Path.parent(of: #filePath))))
        return String(decoding: try File.contents(of: "\(root)/netconf/kubernetes/\(name)"), as: UTF8.self)
    }

    /// The only object of a kind.
    public func only(_ kind: String) throws -> JSONNode {
        let found = all(kind)
        guard found.count == 1 else { throw ManifestError(description: "\(found.count) objects of kind \(kind)") }
        return found[0]
    }

    func all(_ kind: String) -> [JSONNode] { objects.filter { $0["kind"]?.value == .string(kind) } }

    private static func documents(of text: String) -> [String] {
        var documents: [[Substring]] = [[]]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "---" { documents.append([]) } else { documents[documents.count - 1].append(line) }
        }
        return documents.filter { $0.contains { !$0.isEmpty && !$0.hasPrefix("#") } }.map { $0.joined(separator: "\n") }
    }
}

/// Something is wrong with a manifest.
public struct ManifestError: Error, CustomStringConvertible {
    /// What it is.
    public let description: String
}
