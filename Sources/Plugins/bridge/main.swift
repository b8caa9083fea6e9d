// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import BridgePlugin
internal import CNIPlugin

PluginProcess.main(BridgePlugin.self)
