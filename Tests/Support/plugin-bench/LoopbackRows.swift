// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem

/// What it takes to start a plugin and do nothing: VERSION.
final class StartUpContender: Contender {
    let side: Side
    private let version: MeasuredProgram

    init(_ plugins: PluginDirectory) throws {
        side = plugins.side
        version = try plugins.call(
            "loopback",
            "VERSION",
            container: "",
            interface: "",
            namespace: "",
            configuration: #"{"cniVersion":"1.0.0"}"#
        )
    }

    func cycle(into results: inout Results) throws { try results.measure("VERSION (start-up)", side, version) }
}

/// loopback ADD; the DEL that follows is not measured.
final class LoopbackContender: Contender {
    let side: Side
    private let container: NetworkNamespace
    private let add: MeasuredProgram
    private let delete: MeasuredProgram

    init(_ plugins: PluginDirectory) throws {
        side = plugins.side
        container = try .temporary()
        let path = container.path
        func call(_ verb: String) throws -> MeasuredProgram {
            try plugins.call(
                "loopback",
                verb,
                container: "bench",
                interface: "lo",
                namespace: path,
                configuration: #"{"cniVersion":"1.0.0","name":"bench-loopback","type":"loopback"}"#
            )
        }
        add = try call("ADD")
        delete = try call("DEL")
    }

    func cycle(into results: inout Results) throws {
        try results.measure("loopback ADD", side, add)
        try delete.run()
    }
}
