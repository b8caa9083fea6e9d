// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import KubernetesClient
internal import LinuxSystem
internal import Overlay
internal import Synchronization

extension KubernetesSubnetStore {
    /// Reports why the node has no lease, as an event that people find with `kubectl describe node`: one for each reason,
    /// which is told again from time to time while it holds.
    ///
    /// It is a courtesy: whatever goes wrong with it is left at that.
    func report(_ error: OverlayError) async {
        let now = ContinuousClock.now
        let message = error.description
        // An API that does not answer takes no events either.
        let (known, isPossible) = state.withLock { ($0.reports[message], $0.isAnswering && !$0.isReportingForbidden) }
        guard isPossible, let nodeName else { return }
        if let known, known.last.duration(to: now) < options.reportPeriod { return }
        let time = Timestamp.text(SystemClock.now / 1_000_000_000)
        do throws(KubernetesError) {
            let report: NodeReport
            if let repeated = try await repeated(known?.report, at: time) {
                report = repeated
            } else {
                report = NodeReport(
                    // Names are unique for as long as events last.
                    name: "\(nodeName).flannel-\(String(SystemClock.now, radix: 36))",
                    node: nodeName,
                    reason: "NetworkNotReady",
                    message: message,
                    isWarning: true,
                    component: "flanneld",
                    time: time
                )
                try await client.createEvent(report)
            }
            state.withLock { state in
                state.reports = state.reports.filter { $0.value.last.duration(to: now) < .seconds(3600) }
                state.reports[message] = Reported(report: report, last: now)
            }
        } catch {
            if error.code == .forbidden { state.withLock { $0.isReportingForbidden = true } }
        }
    }

    /// Tells again what was reported; nil when the cluster knows nothing of it any more.
    private func repeated(_ report: NodeReport?, at time: String) async throws(KubernetesError) -> NodeReport? {
        guard var report else { return nil }
        report.count += 1
        report.lastTime = time
        do throws(KubernetesError) { try await client.repeatEvent(report) } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
        return report
    }

    /// Families that the node has no subnet of, and events, where the cluster lets it make none.
    public var limitations: [String] {
        guard state.withLock({ $0.isReportingForbidden }) else { return missingFamilyTexts }
        return missingFamilyTexts + [
            "makes no events about this node; the ClusterRole forbids it (events: create, patch)"
        ]
    }
}
