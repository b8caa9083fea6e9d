// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import LinuxSystem

/// host-local alone, with many addresses reserved by others directly after the cursor.
final class HostLocalContender: Contender {
    let side: Side
    /// The reference reads every reservation each time: a tenth of the turns says enough.
    let isSlow: Bool
    private let container: NetworkNamespace
    private let reserved: String
    private let cursorFile: String
    private let add: MeasuredProgram
    private let check: MeasuredProgram
    private let delete: MeasuredProgram
    private let deleteUnknown: MeasuredProgram

    /// - Parameter reservations: How many addresses others hold; at most 65,000.
    init(_ plugins: PluginDirectory, reservations: Int, scratch: String) throws {
        side = plugins.side
        isSlow = plugins.side == .reference && reservations > 1000
        container = try .temporary()
        let path = container.path
        reserved = "\(grouped(reservations)) reserved"
        let directory = "\(scratch)/\(plugins.side)-\(reservations)"
        let network = "\(directory)/bench"
        cursorFile = "\(network)/last_reserved_ip.0"
        try HostLocalContender.fill(network, reservations)
        let configuration = """
            {"cniVersion":"1.0.0","name":"bench","type":"bridge","ipam":{"type":"host-local",
            "dataDir":"\(directory)","ranges":[[{"subnet":"10.77.0.0/16"}]]}}
            """
        func call(_ verb: String, _ container: String = "bench") throws -> MeasuredProgram {
            try plugins.call(
                "host-local",
                verb,
                container: container,
                namespace: path,
                configuration: configuration
            )
        }
        add = try call("ADD")
        check = try call("CHECK")
        delete = try call("DEL")
        deleteUnknown = try call("DEL", "unknown")
        try resetCursor()
    }

    func cycle(into results: inout Results) throws {
        try results.measure("host-local ADD, \(reserved)", side, add)
        try results.measure("host-local CHECK, \(reserved)", side, check)
        try results.measure("host-local DEL, \(reserved)", side, delete)
        try results.measure("host-local DEL of unknown, \(reserved)", side, deleteUnknown)
        try resetCursor()
    }

    /// The reference's format: a file per address with the container and the interface.
    private static func fill(_ network: String, _ reservations: Int) throws {
        try Directory.create(network, mode: 0o755)
        for number in 0..<reservations {
            let host = number + 2
            try File.create(
                "\(network)/10.77.\(host / 256).\(host % 256)",
                with: Array("other-\(number)\r\neth0".utf8)
            )
        }
        try File.create("\(network)/last_reserved_ip.0", with: Array("10.77.0.1".utf8))
    }

    /// Puts the cursor back before the occupied run, in place: a new file would change the directory's time stamp.
    private func resetCursor() throws {
        guard truncate(cursorFile, 0) == 0 else { throw SystemCallError("truncate", on: cursorFile, .current) }
        try OwnedFileDescriptor.open(cursorFile, .write).writeAll(Array("10.77.0.1".utf8), subject: cursorFile)
    }
}
