// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem

/// bridge with host-local and portmap behind it, as a runtime runs the list: ADD and DEL of one container with a port.
final class PublishedPortContender: Contender {
    let side: Side
    private let container: NetworkNamespace
    private let bridgeAdd: MeasuredProgram
    private let bridgeDelete: MeasuredProgram
    private let portmapAdd: MeasuredProgram
    private let portmapDelete: MeasuredProgram

    init(_ plugins: PluginDirectory, scratch: String) throws {
        side = plugins.side
        container = try .temporary()
        let path = container.path
        let bridge = BridgeContender.configuration(plugins.side, network: "ports", scratch: scratch)
        func call(_ plugin: String, _ verb: String, _ configuration: String) throws -> MeasuredProgram {
            try plugins.call(plugin, verb, container: "bench", namespace: path, configuration: configuration)
        }
        bridgeAdd = try call("bridge", "ADD", bridge)
        bridgeDelete = try call("bridge", "DEL", bridge)
        portmapAdd = try call("portmap", "ADD", "")
        portmapDelete = try call("portmap", "DEL", "")
    }

    func cycle(into results: inout Results) throws {
        let first = try results.run(bridgeAdd)
        let configuration = try configuration(previousResult: bridgeAdd.outputText())
        try portmapAdd.setInput(configuration)
        try portmapDelete.setInput(configuration)
        let second = try results.run(portmapAdd)
        results.add("bridge + portmap ADD, one port", side, first + second)
        results.add("portmap ADD, one port", side, second)
        let third = try results.run(portmapDelete)
        let last = try results.run(bridgeDelete)
        results.add("bridge + portmap DEL, one port", side, third + last)
        results.add("portmap DEL, one port", side, third)
    }

    /// Each side publishes a port of its own: they share the namespace that plays the host.
    private func configuration(previousResult: String) -> String {
        """
        {"cniVersion":"1.0.0","name":"ports","type":"portmap","prevResult":\(previousResult),"runtimeConfig":
        {"portMappings":[{"hostPort":\(side == .ours ? 8001 : 8002),"containerPort":80,"protocol":"tcp"}]}}
        """
    }
}
