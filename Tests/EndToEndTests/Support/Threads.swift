// swift-cni, SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Synchronization

/// Threads of the kernel: what a runtime's workers are, and what may enter namespaces and be given up afterwards.
enum Threads {
    /// Runs a body in several threads at once and waits for all of them.
    ///
    /// - Throws: the error of the first thread, by number, that failed.
    static func run(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
        let workers = (0..<count).map { number in Worker { try body(number) } }
        for worker in workers { try worker.start() }
        for worker in workers { worker.join() }
        for worker in workers { if let failure = worker.failure { throw failure } }
    }

    /// Runs a body in a thread of its own, which ends with it, and returns what it returned.
    static func runAlone<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let value = Mutex<Value?>(nil)
        let store: @Sendable () throws -> Void = {
            let result = try body()
            value.withLock { $0 = result }
        }
        try withoutActuallyEscaping(store) { store in try run(1) { _ in try store() } }
        guard let result = value.withLock({ $0 }) else { throw SystemCallError("pthread_create", .invalidArgument) }
        return result
    }
}

/// A thread with its body.
///
/// Started once, joined once; the failure is read after that.
private final class Worker: @unchecked Sendable {
    private let body: @Sendable () throws -> Void
    private var thread = pthread_t()
    private(set) var failure: (any Error)?

    init(_ body: @escaping @Sendable () throws -> Void) { self.body = body }

    func start() throws {
        let reference = Unmanaged.passRetained(self).toOpaque()
        let status = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Worker>.fromOpaque(argument).takeRetainedValue().work()
                return nil
            },
            reference
        )
        guard status == 0 else { throw SystemCallError("pthread_create", ErrorNumber(rawValue: status)) }
    }

    func join() { pthread_join(thread, nil) }

    private func work() {
        do { try body() } catch { failure = error }
    }
}
