// swift-cni, SPDX-License-Identifier: Apache-2.0

/// Something a test needed that did not happen, in one sentence.
struct TestFailure: Error, CustomStringConvertible {
    /// The sentence.
    let description: String

    init(_ description: String) { self.description = description }
}
