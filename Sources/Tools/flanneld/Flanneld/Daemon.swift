// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import Logging
internal import Overlay
internal import ServiceLifecycle
internal import UnixSignals

/// The running daemon: the node's part of the overlay, what feeds it, and what tells of it.
struct Daemon<Store: SubnetStore>: Service {
    let options: DaemonOptions
    let store: Store
    let node: OverlayNode
    let log: Logger
    let systemd: SystemdNotifier

    /// Works until it is asked to end; the overlay stays as it is.
    func run() async throws {
        let keeper = LeaseKeeper(store: store, node: node, bell: Bell())
        let server = HealthServer(node, log, descriptors: DescriptorLimit.raise(atMost: 65_536))
        let reloads = await UnixSignalsSequence(trapping: .sighup)
        await node.start()
        do {
            try await cancelWhenGracefulShutdown {
                try await withThrowingDiscardingTaskGroup { group in
                    group.addTask { await server.run(options) }
                    group.addTask { await keeper.run() }
                    group.addTask { await keeper.follow() }
                    group.addTask { await keeper.announceReadiness() }
                    group.addTask {
                        while !Task.isCancelled {
                            let change = await node.monitor.next()
                            if !change.isEmpty, await node.kernelChanged(change) { keeper.bell.ring() }
                        }
                    }
                    group.addTask {
                        for await _ in reloads {
                            log.notice("SIGHUP: reads the network's configuration again")
                            keeper.bell.ring()
                        }
                    }
                    group.addTask { await keepTime(keeper.bell) }
                }
            }
        } catch is CancellationError {
            // Those who work until they are cancelled say so when the daemon is asked to end.
        }
        systemd.stopping()
        await save(isLast: true)
        log.notice("ends; what is programmed stays, and containers reach each other without flanneld")
    }

    /// Lets the node look at everything from time to time, and keeps what it knows.
    private func keepTime(_ bell: Bell) async {
        while !Task.isCancelled {
            await node.ticker.next()
            if await node.tick() { bell.ring() }
            await save()
        }
    }

    private func save(isLast: Bool = false) async {
        guard let remembered = await node.unsaved(isLast: isLast) else { return }
        do throws(OverlayError) {
            try remembered.write(to: RememberedNetwork.path(in: options.stateDirectory))
            await node.noteSaved(nil)
        } catch { await node.noteSaved(error) }
        Memory.giveBack()
    }
}
