// swift-cni, SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Overlay
import RouteNetlink
import Testing

/// A reconciler that lives on a node from one change to the next.
final class Engine {
    let node: Node
    private var reconciler: Reconciler

    init(_ node: Node) throws {
        self.node = node
        reconciler = Reconciler(try RouteSocket.open(in: node.namespace))
    }

    var isDoubtful: Bool { reconciler.isDoubtful }

    func markDoubtful() { reconciler.markDoubtful() }

    @discardableResult
    func run(_ desired: DesiredState) throws -> ReconciliationReport {
        try node.namespace.run { Result { try reconciler.run(desired) } }.get()
    }

    @discardableResult
    func update(_ desired: DesiredState) throws -> ReconciliationReport {
        try node.namespace.run { Result { try reconciler.update(desired) } }.get()
    }

    @discardableResult
    func check(_ desired: DesiredState) throws -> ReconciliationReport {
        try node.namespace.run { Result { try reconciler.check(desired) } }.get()
    }

    /// What the node should have towards peers of which only the leases exist.
    func desired(
        _ peers: [Lease],
        _ backend: NetworkConfiguration.Backend = .vxlan(.init())
    ) throws -> DesiredState {
        DesiredState(
            own: node.lease,
            peers: peers,
            uplink: try Fleet.uplink(node.number, index: node.uplink),
            configuration: try Fleet.configuration(backend)
        )
    }

    /// What somebody who reads the kernel would still have to do.
    func rest(_ desired: DesiredState) throws -> ReconciliationReport {
        try node.namespace.run {
            Result {
                var other = try Reconciler.open()
                return try other.run(desired)
            }
        }.get()
    }
}

/// The kernel's reports in a node's namespace.
final class EventRecorder {
    private let monitor: RouteMonitor

    init(_ node: Node) throws {
        monitor = try RouteMonitor.open([.links, .addresses, .routes, .neighbors], in: node.namespace)
    }

    /// What happened since the last call, until nothing happens for a while.
    func events() throws -> [RouteEvent] {
        var events: [RouteEvent] = []
        while true {
            let more = try monitor.next(until: .after(.milliseconds(50)))
            if more.isEmpty { return events }
            events += more
        }
    }
}

/// Numbers that are the same in each run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state ^ state >> 33) &* 0xff51_afd7_ed55_8ccd
    }
}
