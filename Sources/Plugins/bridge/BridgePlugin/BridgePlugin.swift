// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNIPlugin

/// Attaches a container to a Linux bridge on the host with a veth pair.
public struct BridgePlugin: Plugin {
    /// "bridge".
    public static var name: String { "bridge" }
    /// `MAC`: the container interface's hardware address.
    public static var knownArguments: Set<String> { ["MAC"] }

    /// Makes the plugin.
    public init() {}
}
