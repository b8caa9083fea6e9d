// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A system call that failed: which, on what, and what the kernel said.
public struct SystemCallError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The call's name in section 2 of the manual, such as "openat".
    public let call: String
    /// What it was done to: a path, a command, a sysctl; empty when the call has no subject.
    public let subject: String
    /// What the kernel said.
    public let number: ErrorNumber

    /// Creates an error for a call that failed with a known number.
    public init(_ call: String, on subject: String = "", _ number: ErrorNumber) {
        self.call = call
        self.subject = subject
        self.number = number
    }

    /// One clause, such as "open /run/netns/a: ENOENT (No such file or directory)".
    public var description: String { subject.isEmpty ? "\(call): \(number)" : "\(call) \(subject): \(number)" }
}

/// Runs a call that answers −1 and `errno`, repeating it when a signal interrupted it.
@discardableResult
func requireSuccess<Result: SignedInteger>(
    _ call: String,
    on subject: @autoclosure () -> String = "",
    _ body: () -> Result
) throws(SystemCallError) -> Result {
    while true {
        let result = body()
        if result >= 0 { return result }
        let number = ErrorNumber.current
        if number != .interrupted { throw SystemCallError(call, on: subject(), number) }
    }
}

/// Turns the answer of a C shim, a negative `errno` on failure, into an error.
@discardableResult
func requireSuccess(
    shim call: String,
    on subject: @autoclosure () -> String = "",
    _ result: Int32
) throws(SystemCallError) -> Int32 {
    guard result >= 0 else { throw SystemCallError(call, on: subject(), ErrorNumber(rawValue: -result)) }
    return result
}
