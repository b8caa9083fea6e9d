// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem

/// bridge with host-local, with or without ipMasq: ADD and DEL of one container.
final class BridgeContender: Contender {
    let side: Side
    private let job: String
    private let container: NetworkNamespace
    private let add: MeasuredProgram
    private let delete: MeasuredProgram

    init(_ plugins: PluginDirectory, masquerades: Bool = false, scratch: String) throws {
        side = plugins.side
        job = masquerades ? "bridge + host-local + ipMasq" : "bridge + host-local"
        container = try .temporary()
        let path = container.path
        let configuration = BridgeContender.configuration(
            plugins.side,
            network: masquerades ? "masquerade" : "bench",
            keys: masquerades ? #""ipMasq":true,"# : "",
            scratch: scratch
        )
        add = try plugins.call("bridge", "ADD", container: "bench", namespace: path, configuration: configuration)
        delete = try plugins.call("bridge", "DEL", container: "bench", namespace: path, configuration: configuration)
    }

    func cycle(into results: inout Results) throws {
        try results.measure("\(job) ADD", side, add)
        try results.measure("\(job) DEL", side, delete)
    }

    /// Both sides get the same network, each on a bridge, a subnet and a directory of its own.
    ///
    /// - Parameters:
    ///   - network: The network's name; one for each kind of row.
    ///   - keys: More members, each with a comma behind it.
    static func configuration(
        _ side: Side,
        network: String = "bench",
        keys: String = "",
        scratch: String
    ) -> String {
        let kinds = ["bench", "masquerade", "ports"]
        let number = (kinds.firstIndex(of: network) ?? 0) * 2 + (side == .ours ? 1 : 2)
        return """
            {"cniVersion":"1.0.0","name":"\(network)","type":"bridge","bridge":"bench\(number)",
            "isDefaultGateway":true,"hairpinMode":true,\(keys)
            "ipam":{"type":"host-local","dataDir":"\(scratch)/\(side)","ranges":[[{"subnet":"10.\(number).0.0/16"}]]}}
            """
    }
}
