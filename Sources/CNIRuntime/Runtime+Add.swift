// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIExecution
public import JSON
internal import LinuxSystem

extension Runtime {
    /// Attaches a container: ADD of each plugin in order, each with the result of the one before it.
    ///
    /// - Parameter rollback: Whether a failed chain is undone with DEL of all plugins, last first. Otherwise the caller
    ///   must call ``delete(_:from:)``, as the specification demands. What the cache knows as attached is not undone:
    ///   DEL would take a living container's network away.
    /// - Returns: The result document of the last plugin, in the network's version. It is in the cache as well.
    /// - Throws: The first failure; what could not be undone is among its consequences.
    @discardableResult
    public func add(
        _ attachment: Attachment,
        to network: NetworkList,
        rollback: Bool
    ) throws(RuntimeError) -> JSONValue {
        if let problem = cache.problem(storing: network.name, attachment.id) {
            throw RuntimeError(.invalidEnvironment, problem)
        }
        var isAttachedAlready = false
        if case .absent = cache.entry(network: network.name, attachment.id) {} else { isAttachedAlready = true }
        var result: JSONValue?
        do throws(RuntimeError) {
            for (step, plugin) in Runtime.steps(network, .add) {
                let request = network.request(
                    to: plugin,
                    capabilityArguments: attachment.capabilityArguments,
                    previousResult: result
                )
                let answer = try run(step, request, for: attachment)
                result = try Runtime.normalize(answer, version: network.version, of: step)
            }
            guard let result else {
                throw RuntimeError(.invalidConfiguration, "network \"\(network.name)\" has no plugins")
            }
            do { try cache.store(CachedAttachment(attachment, network: network, result: result)) } catch {
                throw RuntimeError(
                    .inputOutput,
                    "network \"\(network.name)\": the result could not be stored",
                    details: "\(error)"
                )
            }
            return result
        } catch {
            guard rollback else { throw error }
            guard !isAttachedAlready else {
                var failure = error
                failure.consequences.append(
                    RuntimeError(
                        .alreadyExists,
                        "nothing was undone, as \(attachment.id) seems to be attached to network \"\(network.name)\""
                            + " since an earlier ADD; if it is not in use, DEL removes it",
                        details: cache.file(network: network.name, attachment.id)
                    )
                )
                throw failure
            }
            throw undo(attachment, in: network, result: result, after: error)
        }
    }

    /// DEL of every plugin, last first.
    ///
    /// Unlike ``delete(_:from:)`` it goes on after a failure: the plugin that made ADD fail, often one that is not
    /// installed, would otherwise keep the others from being undone.
    private func undo(
        _ attachment: Attachment,
        in network: NetworkList,
        result: JSONValue?,
        after failure: RuntimeError
    ) -> RuntimeError {
        // The signal that stopped the chain must not stop its undoing.
        TerminationSignals.acknowledge()
        var failure = failure
        for (step, plugin) in Runtime.steps(network, .delete).reversed() {
            let request = network.request(
                to: plugin,
                capabilityArguments: attachment.capabilityArguments,
                previousResult: network.version >= .v0_4_0 ? result : nil
            )
            do { _ = try run(step, request, for: attachment) } catch { failure.consequences.append(error) }
        }
        return failure
    }

    /// A plugin's result in the network's version.
    ///
    /// A result of that version stays as it is, unknown members included.
    private static func normalize(
        _ answer: JSONValue?,
        version: SpecVersion,
        of step: RuntimeError.Step
    ) throws(RuntimeError) -> JSONValue {
        guard let answer else {
            throw RuntimeError(CNIError(.delegation, "the plugin succeeded but wrote no result"), at: step)
        }
        do throws(JSONError) {
            let result = try NetworkResult(decoding: JSONNode(answer), version: version)
            guard var object = answer.object else { throw JSONError(at: "", "is \(answer.kind), must be an object") }
            if let written = object["cniVersion"]?.string, !written.isEmpty, written != version.description {
                return result.document(version: version)
            }
            object["cniVersion"] = .string(version.description)
            return .object(object)
        } catch { throw RuntimeError(CNIError(error, in: "result"), at: step) }
    }
}
