// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CNI
internal import CNIRuntime
internal import IPAddresses
internal import JSON

extension CNITool {
    /// `cnitool add`.
    struct Add: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                abstract: "Attach a namespace to a network: run ADD of every plugin, in order.",
                discussion: """
                    Prints the result: interfaces, addresses, routes. Unless --no-rollback is given, an ADD that fails \
                    is undone: every plugin gets a DEL, the last one first.
                    """
            )
        }

        @OptionGroup var network: NetworkOptions
        @OptionGroup var container: ContainerOptions
        @OptionGroup var output: OutputOptions

        @Flag(inversion: .prefixedNo, help: "Undo an ADD that fails with DEL of all plugins.")
        var rollback = true

        func run() throws {
            let list = try network.findNetwork()
            let attachment = try container.attachment()
            let result: JSONValue
            do { result = try network.runtime.add(attachment, to: list, rollback: rollback) } catch {
                Terminal.complain("cnitool: \(error)")
                if rollback, error.step != nil, error.consequences.isEmpty {
                    Terminal.complain("cnitool: what the plugins had made was undone")
                }
                throw ExitCode.failure
            }
            guard output.isForReading else { return Terminal.write(result) }
            Terminal.write("Attached \(attachment.id) to network \(list.name).")
            for line in try Add.summary(of: result, version: list.version) { Terminal.write("  \(line)") }
        }

        /// A result in lines for a person.
        static func summary(of document: JSONValue, version: SpecVersion) throws -> [String] {
            let result = try NetworkResult(decoding: JSONNode(document), version: version)
            var lines: [String] = []
            for (index, interface) in result.interfaces.enumerated() {
                var line = "\(interface.name) " + (interface.sandbox.map { "in \($0)" } ?? "on the host")
                if let mac = interface.mac { line += ", MAC \(mac)" }
                if let mtu = interface.mtu { line += ", MTU \(mtu)" }
                lines.append(line)
                for ip in result.ips where ip.interface == index { lines.append("  " + describe(ip)) }
            }
            for ip in result.ips where ip.interface == nil { lines.append(describe(ip)) }
            for route in result.routes {
                lines.append("route \(route.destination)" + (route.gateway.map { " via \($0)" } ?? ""))
            }
            if !result.dns.nameservers.isEmpty {
                lines.append("name servers \(result.dns.nameservers.joined(separator: ", "))")
            }
            return lines
        }

        private static func describe(_ ip: NetworkResult.IPConfiguration) -> String {
            "address \(ip.address)" + (ip.gateway.map { ", gateway \($0)" } ?? "")
        }
    }
}
