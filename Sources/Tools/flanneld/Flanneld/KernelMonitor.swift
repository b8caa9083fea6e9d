// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import NFTables
internal import Netlink
internal import Overlay
internal import RouteNetlink
internal import Synchronization

/// What changed in the kernel, as far as it matters.
struct KernelChange: OptionSet, Sendable {
    let rawValue: UInt8

    /// The overlay's links, addresses, routes, neighbours or forwarding entries may not be what they should.
    static var overlay: KernelChange { KernelChange(rawValue: 1) }
    /// Another uplink may be the right one, or the one that is has changed.
    static var uplink: KernelChange { KernelChange(rawValue: 2) }
    /// The traffic rules may not be what they should.
    static var rules: KernelChange { KernelChange(rawValue: 4) }
    /// All of that.
    static var all: KernelChange { [.overlay, .uplink, .rules] }
}

/// Listens to the kernel on threads of its own, and tells of what matters, several changes at a time.
final class KernelMonitor: Sendable {
    private struct State {
        var filter: EventFilter?
        var isUplinkMissing = false
        var pending: KernelChange = []
    }

    private let state = Mutex(State())
    private let bell = Bell()
    /// How long nothing must have happened before changes are told, and for how long this may be put off.
    private static var quiet: Duration { .milliseconds(2) }
    private static var longest: Duration { .milliseconds(10) }

    /// Starts to listen in the calling thread's namespace; what happens from now on is told.
    static func start() throws(OverlayError) -> KernelMonitor {
        let monitor = KernelMonitor()
        // Threads begin in the namespace of the thread that starts them.
        try startThread { monitor.listenToRoutes() }
        try startThread { monitor.listenToRules() }
        return monitor
    }

    /// Says which events matter from now on.
    func use(_ filter: EventFilter) { state.withLock { $0.filter = filter } }

    /// Says whether an uplink is being waited for: any interface may be it.
    func noteUplink(isMissing: Bool) { state.withLock { $0.isUplinkMissing = isMissing } }

    /// Waits for changes; empty when the task was cancelled.
    func next() async -> KernelChange {
        await bell.wait()
        return state.withLock { state in
            defer { state.pending = [] }
            return state.pending
        }
    }

    private func tell(_ change: KernelChange) {
        guard !change.isEmpty else { return }
        state.withLock { $0.pending.formUnion(change) }
        bell.ring()
    }

    private func listenToRoutes() {
        while true {
            do throws(NetlinkError) {
                let monitor = try RouteMonitor.open([.links, .addresses, .routes, .neighbors], bufferSize: 4 << 20)
                // What happened before, nobody has told.
                tell([.overlay, .uplink])
                while true {
                    var change = meaning(try monitor.next(until: .after(.seconds(3_600))))
                    if change.isEmpty { continue }
                    let end = Deadline.after(Self.longest)
                    while end.remainingNanoseconds > 0 {
                        let more = try monitor.next(until: .after(Self.quiet))
                        if more.isEmpty { break }
                        change.formUnion(meaning(more))
                    }
                    tell(change)
                }
            } catch {
                // Nothing is known of what happens meanwhile; the check of each minute goes on.
                Deadline.after(.seconds(1)).wait()
            }
        }
    }

    private func meaning(_ events: [RouteEvent]) -> KernelChange {
        // Without a filter nothing is programmed yet, and only the uplink matters.
        let (filter, isUplinkMissing) = state.withLock { ($0.filter, $0.isUplinkMissing) }
        var change: KernelChange = []
        for event in events {
            guard let filter else { return .uplink }
            if filter.concerns(event) { change.insert(.overlay) }
            if filter.concernsUplink(event) || isUplinkMissing && event.mayBringUplink { change.insert(.uplink) }
        }
        return change
    }

    private func listenToRules() {
        while true {
            do throws(NetlinkError) {
                let monitor = try RulesetMonitor.open()
                tell(.rules)
                while true {
                    guard let changes = try monitor.next(until: .after(.seconds(3_600))),
                        changes.concern(TrafficRules.watchedTables)
                    else { continue }
                    let end = Deadline.after(Self.longest)
                    while end.remainingNanoseconds > 0, try monitor.next(until: .after(Self.quiet)) != nil {}
                    tell(.rules)
                }
            } catch { Deadline.after(.seconds(1)).wait() }
        }
    }
}

extension RouteEvent {
    /// Whether after it there may be an uplink where there was none.
    fileprivate var mayBringUplink: Bool {
        switch self {
        case .link, .address, .route: true
        default: false
        }
    }
}
