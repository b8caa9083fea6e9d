// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import IPAddresses
import LinuxSystem
import Synchronization

/// A thread that sends first packets of connections, each from a port of its own, until it is told to stop.
final class Flood: @unchecked Sendable {
    private let source: IPAddress
    private let target: IPAddress
    private let port: UInt16
    private let namespace: NetworkNamespace
    private let isStopped = Atomic<Bool>(false)
    private var thread = pthread_t()

    /// Starts to send.
    init(from source: IPAddress, to target: IPAddress, _ port: UInt16, in namespace: borrowing NetworkNamespace) throws
    {
        self.source = source
        self.target = target
        self.port = port
        self.namespace = try NetworkNamespace.open("/proc/self/fd/\(namespace.rawDescriptor)")
        let status = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Flood>.fromOpaque(argument).takeRetainedValue().work()
                return nil
            },
            Unmanaged.passRetained(self).toOpaque()
        )
        guard status == 0 else { throw SystemCallError("pthread_create", ErrorNumber(rawValue: status)) }
    }

    /// Ends it.
    func stop() {
        isStopped.store(true, ordering: .relaxed)
        pthread_join(thread, nil)
    }

    private func work() {
        while !isStopped.load(ordering: .relaxed) {
            // A send that fails is a packet that nobody sees.
            try? Datagrams(target.family, source, in: namespace).send(to: target, port)
            usleep(50)
        }
    }
}
