// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import Overlay

extension OverlayNode {
    /// Shows that the node's thread works.
    func answerSign() {}

    /// What Prometheus reads, in its text format 0.0.4.
    func metrics() -> String {
        var text = MetricsText()
        text.gauge("flanneld_ready", "Whether the overlay is ready.", obstacles.isEmpty ? 1 : 0)
        let desired = plan?.desired
        text.gauge("flanneld_peers_desired", "Other nodes' subnets that should be reached.", desired?.routes.count ?? 0)
        text.gauge(
            "flanneld_peers_programmed",
            "Other nodes' subnets that are reached, as far as this node can tell.",
            programmedCount
        )
        text.gauge(
            "flanneld_peers_skipped",
            "Other nodes' subnets that are left out.",
            desired?.skippedPeers.count ?? 0
        )
        text.counters("flanneld_changes_total", "Changes made because something else should be.", counters.changes)
        text.counters(
            "flanneld_repairs_total",
            "Changes made because somebody else changed something.",
            counters.repairs
        )
        text.counter("flanneld_kernel_errors_total", "Requests that the kernel refused.", counters.kernelErrors)
        text.counter("flanneld_reconcile_runs_total", "Runs of the reconciler.", Int(counters.runs))
        text.value(
            "flanneld_reconcile_seconds_total",
            "counter",
            "Time spent in runs.",
            Self.seconds(counters.runTime)
        )
        text.value("flanneld_reconcile_seconds", "gauge", "Time of the last run.", Self.seconds(counters.lastRunTime))
        text.gauge("flanneld_store_up", "Whether the store can be read.", counters.isStoreUp ? 1 : 0)
        text.gauge(
            "flanneld_store_last_read_timestamp_seconds",
            "When the leases were read last.",
            Int(counters.lastSnapshot)
        )
        text.counter("flanneld_lease_renewals_total", "How often the lease was taken or renewed.", counters.renewals)
        if let validUntil {
            text.gauge(
                "flanneld_lease_seconds",
                "How long the node's lease is certain without another renewal.",
                Int(max(0, validUntil - SystemClock.now / 1_000_000_000))
            )
        }
        text.gauge(
            "flanneld_bridge_netfilter",
            "Whether packets between containers of one bridge pass iptables and nftables, as Services on the same node need.",
            BridgeNetfilter.isOn ? 1 : 0
        )
        text.gauge(
            "flanneld_settings_out_of_reach",
            "Settings that are not as they should be, as /proc/sys is read-only for the daemon.",
            progress.report?.limitations.count ?? 0
        )
        return text.text
    }

    /// How many subnets of other nodes are reached.
    var programmedCount: Int {
        guard let desired = plan?.desired, progress.hasRun, let report = progress.report else { return 0 }
        let failed = report.failures.count { !$0.isHarmless } + report.conflictingRoutes.count
        return max(0, desired.routes.count - failed)
    }

    private static func seconds(_ nanoseconds: Int64) -> String {
        let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        let digits = String(rest)
        return "\(whole).\(String(repeating: "0", count: 9 - digits.count))\(digits)"
    }
}

/// Metrics in Prometheus' text format.
private struct MetricsText {
    private(set) var text = ""

    mutating func gauge(_ name: String, _ help: String, _ value: Int) { self.value(name, "gauge", help, "\(value)") }
    mutating func counter(_ name: String, _ help: String, _ value: Int) {
        self.value(name, "counter", help, "\(value)")
    }

    mutating func value(_ name: String, _ type: String, _ help: String, _ value: String) {
        head(name, type, help)
        text += "\(name) \(value)\n"
    }

    mutating func counters(_ name: String, _ help: String, _ values: [String: Int]) {
        head(name, "counter", help)
        for (kind, value) in values.sorted(by: { $0.key < $1.key }) { text += "\(name){kind=\"\(kind)\"} \(value)\n" }
    }

    private mutating func head(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }
}

/// Whether bridged packets pass iptables and nftables (`net.bridge.bridge-nf-call-iptables`).
///
/// Without it a Service whose backend is on the same node as its client does not work.
enum BridgeNetfilter {
    /// What is wrong when it is off, and what to do.
    static var advice: String {
        "net.bridge.bridge-nf-call-iptables is not 1: Services with a backend on the client's own node do not work; "
            + "load the module br_netfilter and set it, unless nothing here uses Services"
    }
    /// Whether it is on; false where the module br_netfilter is not there.
    static var isOn: Bool { (try? Sysctl("net/bridge/bridge-nf-call-iptables").read()) == "1" }
}
