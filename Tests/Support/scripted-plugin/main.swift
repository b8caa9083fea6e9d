// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

exit(ScriptedPlugin.run(arguments: CommandLine.arguments))
