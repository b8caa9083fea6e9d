// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem

/// bridge with host-local: ADD and DEL of one container.
final class BridgeContender: Contender {
    let side: Side
    private let container: NetworkNamespace
    private let add: MeasuredProgram
    private let delete: MeasuredProgram

    init(_ plugins: PluginDirectory, scratch: String) throws {
        side = plugins.side
        container = try .temporary()
        let path = container.path
        let configuration = BridgeContender.configuration(plugins.side, scratch: scratch)
        add = try plugins.call("bridge", "ADD", container: "bench", namespace: path, configuration: configuration)
        delete = try plugins.call("bridge", "DEL", container: "bench", namespace: path, configuration: configuration)
    }

    func cycle(into results: inout Results) throws {
        try results.measure("bridge + host-local ADD", side, add)
        try results.measure("bridge + host-local DEL", side, delete)
    }

    /// Both sides get the same network, each on a bridge, a subnet and a directory of its own.
    static func configuration(_ side: Side, scratch: String) -> String {
        let number = side == .ours ? 1 : 2
        return """
            {"cniVersion":"1.0.0","name":"bench","type":"bridge","bridge":"bench\(number)","isDefaultGateway":true,
            "hairpinMode":true,"ipam":{"type":"host-local","dataDir":"\(scratch)/\(side)",
            "ranges":[[{"subnet":"10.\(number).0.0/16"}]]}}
            """
    }
}
