// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import Overlay
internal import Synchronization

/// Watches a shared directory on a thread of its own, and says what to look at.
struct LeaseWatch: Sendable {
    private let options: FileStoreOptions
    private let pending: PendingLook

    init(_ options: FileStoreOptions, _ pending: PendingLook) {
        self.options = options
        self.pending = pending
    }

    /// Every so many times that nothing was told for the poll period, everything is looked at.
    ///
    /// Every change that a node makes is seen in the directory itself; that of a file's contents alone, which somebody makes
    /// by hand on another machine, is not.
    private static let pollsPerLook = 30

    /// One signal at once, one after each change, and one when nothing was told for the poll period.
    ///
    /// Signals that nobody takes are one, and what they are about adds up.
    var signals: AsyncStream<Void> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            do throws(OverlayError) { try startThread { run(continuation) } } catch {
                // Without a thread nothing can be waited for: the consumer sees the end and starts anew.
                continuation.finish()
            }
        }
    }

    /// Tells until nobody listens any more.
    private func run(_ continuation: AsyncStream<Void>.Continuation) {
        let subnets = "\(options.directory)/subnets"
        let watch = try? DirectoryWatch.open()
        var before: DirectoryWatch.Watched?
        var scope = LeaseDirectory.Scope.all
        var polls = 0
        while true {
            // Watched before it is looked at: a change between the two is told.
            var watched = try? watch?.watch(subnets)
            // What is not there yet will be told by the directory that it is made in.
            if watched == nil, (try? watch?.watch(options.directory)) != nil { watched = try? watch?.watch(subnets) }
            if watched != before { scope = .all }
            before = watched
            pending.add(scope)
            if case .terminated = continuation.yield() { return }
            let period = Deadline.after(
                watched != nil ? options.pollPeriod : Swift.min(options.pollPeriod, .seconds(1))
            )
            var changes: Set<DirectoryWatch.Change>?
            do throws(SystemCallError) { changes = try watch?.changes(until: period) } catch {}
            if changes == nil { period.wait() }
            scope = Self.scope(of: changes ?? [], in: watched)
            if scope == .newNames {
                polls = (polls + 1) % Self.pollsPerLook
                if polls == 0 || watched == nil { scope = .all }
            }
        }
    }

    private static func scope(
        of changes: Set<DirectoryWatch.Change>,
        in subnets: DirectoryWatch.Watched?
    ) -> LeaseDirectory.Scope {
        if changes.isEmpty { return .newNames }
        var names: Set<String> = []
        for change in changes {
            guard let name = change.name, change.directory == subnets else { return .all }
            names.insert(name)
        }
        return .names(names)
    }
}

/// What is to be looked at since the last look.
final class PendingLook: Sendable {
    private let scope = Mutex(LeaseDirectory.Scope.names([]))

    /// Adds what a change was about.
    func add(_ new: LeaseDirectory.Scope) {
        scope.withLock { scope in
            switch (scope, new) {
            case (.names(let old), .names(let new)): scope = .names(old.union(new))
            case (.names(let old), _) where old.isEmpty: scope = new
            case (.newNames, .newNames): break
            default: scope = .all
            }
        }
    }

    /// Takes it.
    func take() -> LeaseDirectory.Scope {
        scope.withLock { scope in
            defer { scope = .names([]) }
            return scope
        }
    }
}
