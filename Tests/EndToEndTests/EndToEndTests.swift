// swift-cni, SPDX-License-Identifier: Apache-2.0

import Testing

/// The built executables, driven as a runtime would drive them.
///
/// One after the other: some of the tests measure time.
@Suite(.serialized) enum EndToEnd {}

/// The built executables, given rubbish, and killed and ended at every point: minutes of work in which nothing is measured.
///
/// One after the other, but beside ``EndToEnd``.
@Suite(.serialized) enum Endurance {}
