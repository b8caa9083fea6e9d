// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIExecution

extension Runtime {
    /// Asks each plugin in order whether it can serve ADD requests.
    ///
    /// Before 1.1.0 there is no such question: success, nothing is run.
    /// - Throws: The first plugin's answer that is no yes, with its code: 50 or 51 in most cases.
    public func status(of network: NetworkList) throws(RuntimeError) {
        guard network.version.hasGarbageCollectionAndStatus else { return }
        for (step, plugin) in Runtime.steps(network, .status) {
            _ = try run(step, network.request(to: plugin))
        }
    }
}
