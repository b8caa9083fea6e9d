// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc

exit(CaseRunner.main(Array(CommandLine.arguments.dropFirst())))
