// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import LinuxSystem
public import Netlink

extension CNIError {
    /// What the kernel refused, as code 100: the request, the error's name, and the kernel's own words.
    ///
    /// A wait that a termination signal ended is code 106.
    public init(_ error: NetlinkError) {
        let isInterrupted = error.number == .interrupted && TerminationSignals.received != nil
        self.init(isInterrupted ? .interrupted : .kernel, "\(error)")
    }

    /// A system call that failed while something was being done.
    public init(_ error: SystemCallError, _ what: String, code: Code = .kernel) {
        self.init(code, what, details: "\(error)")
    }
}

/// Runs netlink requests; their failure is this plugin's, with code 100.
public func kernel<Result: ~Copyable>(
    _ body: () throws(NetlinkError) -> Result
) throws(CNIError) -> Result {
    do { return try body() } catch { throw CNIError(error) }
}
