// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON
internal import LinuxSystem

/// Something that keeps a case from being run: a case file that is wrong, a tool that is missing, a failed preparation.
struct CaseError: Error, CustomStringConvertible {
    /// What was tried and what happened.
    let description: String

    /// Creates an error from a sentence.
    init(_ description: String) { self.description = description }
}

/// Runs something that fails with a system call and says so in this module's terms.
func system<Result: ~Copyable>(
    _ body: () throws(SystemCallError) -> Result
) throws(CaseError) -> Result {
    do { return try body() } catch { throw CaseError("\(error)") }
}

/// Reads something of a case file and names the case when it is not as it must be.
func decoding<Result>(
    _ subject: @autoclosure () -> String,
    _ body: () throws(JSONError) -> Result
) throws(CaseError) -> Result {
    do { return try body() } catch { throw CaseError("\(subject()): \(error)") }
}
