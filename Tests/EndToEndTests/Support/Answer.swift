// swift-cni, SPDX-License-Identifier: Apache-2.0

import CNI
import IPAddresses
import JSON

/// What a plugin answered, held to the output rules of the specification: ADD and VERSION print exactly one document,
/// the other verbs nothing, and a failure is exit status 1 with exactly one error document.
enum Answer {
    /// A result, or what VERSION prints.
    case document(JSONNode)
    /// Success without output.
    case nothing
    /// An error document.
    case failure(CNIError)

    /// Reads the answer to a verb.
    init(_ outcome: PluginProcess.Outcome, to verb: String) throws(TestFailure) {
        switch outcome.termination {
        case .exited(0) where verb == "ADD" || verb == "VERSION":
            self = .document(JSONNode(try Self.onlyDocument(outcome)))
        case .exited(0):
            guard outcome.standardOutput.isEmpty else {
                throw TestFailure("\(verb) succeeded but printed something: \(outcome.summary)")
            }
            self = .nothing
        case .exited(1):
            let document = try Self.onlyDocument(outcome)
            guard let object = document.object, object["cniVersion"]?.string?.isEmpty == false,
                object["msg"]?.string?.isEmpty == false, let error = CNIError(document: document)
            else { throw TestFailure("an error needs cniVersion, code and msg: \(outcome.summary)") }
            self = .failure(error)
        default: throw TestFailure("\(verb) must exit with 0 or 1: \(outcome.summary)")
        }
    }

    /// The error, when it is one.
    var error: CNIError? {
        if case .failure(let error) = self { return error }
        return nil
    }

    private static func onlyDocument(_ outcome: PluginProcess.Outcome) throws(TestFailure) -> JSONValue {
        do { return try JSONValue(parsing: outcome.standardOutput) } catch {
            throw TestFailure("not exactly one document (\(error)): \(outcome.summary)")
        }
    }
}

/// What a runtime reads in the result of an ADD (spec 0.3.0 and later).
struct AddedAttachment {
    /// The whole result.
    let result: JSONNode
    /// The addresses, with prefix lengths.
    let addresses: [IPPrefix]

    /// Reads a result.
    init(_ result: JSONNode) throws {
        self.result = result
        addresses = try (result["ips"]?.elements() ?? []).map { node in
            let text = try node.requiredMember("address").string()
            guard let prefix = IPPrefix(text) else { throw node.invalid("is \(text), not an address") }
            return prefix
        }
    }

    /// The only address of a family.
    func address(_ family: AddressFamily) throws -> IPAddress {
        let matches = addresses.filter { $0.family == family }
        guard matches.count == 1, let match = matches.first else {
            throw result.invalid("has \(matches.count) addresses of \(family), expected one")
        }
        return match.address
    }
}
