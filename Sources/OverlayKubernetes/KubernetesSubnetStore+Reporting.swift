// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import KubernetesClient
internal import LinuxSystem
internal import Overlay
internal import Synchronization

extension KubernetesSubnetStore {
    /// Reports why the node has no lease, as an event that people find with `kubectl describe node`: once for each reason.
    ///
    /// It is a courtesy: whatever goes wrong with it is left at that.
    func report(_ error: OverlayError) async {
        // An API that does not answer takes no events either.
        let (last, isPossible) = state.withLock { ($0.report, $0.isAnswering && !$0.isReportingForbidden) }
        guard isPossible, last?.message != error.description, let nodeName else { return }
        let seconds = SystemClock.now / 1_000_000_000
        let report = NodeReport(
            // Names are unique for as long as events last.
            name: "\(nodeName).flannel-\(String(SystemClock.now, radix: 36))",
            node: nodeName,
            reason: "NetworkNotReady",
            message: error.description,
            isWarning: true,
            component: "flanneld",
            time: Timestamp.text(seconds)
        )
        do throws(KubernetesError) {
            try await client.createEvent(report)
            state.withLock { $0.report = report }
        } catch {
            if error.code == .forbidden { state.withLock { $0.isReportingForbidden = true } }
        }
    }

    /// Notes that there is nothing to report any more, so that the same reason is reported when it comes again.
    func endReport() { state.withLock { $0.report = nil } }

    /// Events, where the cluster lets this node make none.
    public var limitations: [String] {
        guard state.withLock({ $0.isReportingForbidden }) else { return [] }
        return ["makes no events about this node; the ClusterRole forbids it (events: create)"]
    }
}
