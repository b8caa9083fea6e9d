// swift-cni, SPDX-License-Identifier: Apache-2.0

import Testing

/// The built executables, driven as a runtime would drive them.
///
/// One after the other: some of the tests measure time.
@Suite(.serialized) enum EndToEnd {}
