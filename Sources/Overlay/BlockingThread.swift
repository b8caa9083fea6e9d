// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LinuxSystem
internal import Synchronization

/// Work for a thread of its own.
private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Runs work on a new thread, which ends with it.
///
/// Calls that block, on a shared directory for as long as its server is away, must not hold up the threads that all tasks
/// share.
public func startThread(_ body: @escaping @Sendable () -> Void) throws(OverlayError) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let argument = Unmanaged.passRetained(ThreadBody(body))
    var thread = pthread_t()
    let number = pthread_create(
        &thread,
        &attributes,
        { argument in
            if let argument { Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run() }
            return nil
        },
        argument.toOpaque()
    )
    guard number == 0 else {
        argument.release()
        throw OverlayError(.localFile, SystemCallError("pthread_create", ErrorNumber(rawValue: number)))
    }
}

/// Runs an actor's jobs, one after the other, on a thread of its own.
public final class BlockingExecutor: SerialExecutor {
    private let queue = JobQueue()

    /// Starts the thread, which lives until the executor ends.
    public init() throws(OverlayError) {
        try startThread { [queue] in
            while let (job, executor) = queue.next() { job.runSynchronously(on: executor) }
        }
    }

    deinit { queue.close() }

    /// Adds a job behind all others.
    public func enqueue(_ job: consuming ExecutorJob) {
        queue.append((UnownedJob(job), asUnownedSerialExecutor()))
    }
}

/// Jobs that wait for the thread.
private final class JobQueue: @unchecked Sendable {
    typealias Item = (job: UnownedJob, executor: UnownedSerialExecutor)

    private struct State {
        var items: [Item] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    // Counts items, and one more for the end; only ever touched by calls that threads may share.
    private let count: UnsafeMutablePointer<sem_t>

    init() {
        count = .allocate(capacity: 1)
        sem_init(count, 0, 0)
    }

    deinit {
        sem_destroy(count)
        count.deallocate()
    }

    func append(_ item: sending Item) {
        state.withLock { $0.items.append(item) }
        sem_post(count)
    }

    func close() {
        state.withLock { $0.isClosed = true }
        sem_post(count)
    }

    /// Waits for the next job; nil when there will be none.
    func next() -> Item? {
        while true {
            // EINTR is no item.
            guard sem_wait(count) == 0 else { continue }
            return state.withLock { $0.items.isEmpty ? nil : $0.items.removeFirst() }
        }
    }
}
