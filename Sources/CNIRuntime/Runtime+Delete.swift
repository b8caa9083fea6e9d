// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIExecution
internal import JSON
internal import LinuxSystem

extension Runtime {
    /// Detaches a container: DEL of each plugin, last first, then the cached result goes.
    ///
    /// It stops at the first failure and keeps the cached result, so that it can be repeated: an address must not be
    /// free for another container while rules of a chained plugin still point at it. A container that was never
    /// attached, and a missing or damaged cached result, are no failures.
    public func delete(_ attachment: Attachment, from network: NetworkList) throws(RuntimeError) {
        var attachment = attachment
        var result: JSONValue?
        var ownsEntry = true
        switch cache.entry(network: network.name, attachment.id) {
        case .absent: break
        case .foreign: ownsEntry = false
        case .present(let cached):
            attachment = attachment.completed(by: cached)
            if network.version >= .v0_4_0 {
                do throws(JSONError) { result = try Runtime.convert(cached.result, to: network.version) } catch {
                    note(damage: "\(error)", of: attachment, in: network)
                }
            }
        case .corrupt(let reason): note(damage: reason, of: attachment, in: network)
        }
        for (step, plugin) in Runtime.steps(network, .delete).reversed() {
            let request = network.request(
                to: plugin,
                capabilityArguments: attachment.capabilityArguments,
                previousResult: result
            )
            _ = try run(step, request, for: attachment)
        }
        guard ownsEntry else { return }
        do { try cache.remove(network: network.name, attachment.id) } catch {
            throw RuntimeError(
                .inputOutput,
                "network \"\(network.name)\": \(attachment.id) is detached, but its cached result could not be removed",
                details: "\(error)"
            )
        }
    }

    private func note(damage reason: String, of attachment: Attachment, in network: NetworkList) {
        let file = cache.file(network: network.name, attachment.id)
        notify("\(file) is damaged (\(reason)): DEL goes on without the result of ADD")
    }
}
