// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CForkExec
internal import Glibc
internal import LinuxSystem
internal import Synchronization

/// A process that ends when its standard input does.
final class LockedProcess: Sendable {
    private struct Running {
        let process: pid_t
        let input: Int32
    }

    private let running = Mutex<Running?>(nil)

    /// Starts a program in place of the one that runs.
    func start(_ words: [String]) throws {
        end()
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw SystemCallError("pipe", .current) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        defer { for argument in arguments { free(argument) } }
        arguments.append(nil)
        // It inherits nothing: a connection of another test would not end with it as long as a server held it, too.
        let process = cforkexec_start(words[0], arguments, environ, ends[0], STDOUT_FILENO)
        close(ends[0])
        guard process > 0 else {
            close(ends[1])
            throw SystemCallError("fork", on: words[0], ErrorNumber(rawValue: -process))
        }
        let started = Running(process: process, input: ends[1])
        running.withLock { $0 = started }
    }

    /// Ends the program and waits for it.
    func end() {
        guard let ended = running.withLock({ $0.take() }) else { return }
        close(ended.input)
        waitpid(ended.process, nil, 0)
    }
}
