// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNIPlugin
internal import PortmapPlugin

PluginProcess.main(PortmapPlugin.self)
