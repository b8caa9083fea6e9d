// swift-cni, SPDX-License-Identifier: Apache-2.0

/// What all programs of this package say of themselves; it is also in the file `VERSION`, as scripts/check makes sure.
public enum Release {
    /// The version, as Semantic Versioning 2.0 has it.
    public static var version: String { "0.1.0" }
}
