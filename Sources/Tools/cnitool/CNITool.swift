// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CNI
internal import CNIRuntime
internal import Glibc
internal import LinuxSystem

/// A container runtime for a person: runs the plugins of a network for a namespace.
@main
struct CNITool: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "cnitool",
            abstract: "Attach a network namespace to a CNI network, look at it, and detach it again.",
            discussion: """
                cnitool does by hand what a container runtime does: it reads a network's configuration, runs the \
                network's plugins one after the other, and keeps their result so that the attachment can be checked \
                and removed later.

                A first try, as root:
                  ip netns add demo
                  cnitool add mynet /run/netns/demo
                  ip -n demo address
                  cnitool del mynet /run/netns/demo

                Environment:
                  CNI_PATH     directories with plugins, separated by colons
                               (default: \(Runtime.standardPluginPath))
                  NETCONFPATH  directory with network configurations
                               (default: \(ConfigurationDirectory.standardPath))
                  CNI_ARGS     arguments for the plugins: "KEY=value;KEY=value"
                  CAP_ARGS     values of capabilities, a JSON object such as
                               '{"portMappings": [{"hostPort": 80, …}]}'
                  CNI_IFNAME   interface name in the container (default: eth0)

                On a terminal the output is for reading, elsewhere it is JSON; --json makes it JSON everywhere. \
                Errors go to standard error, the exit status is then 1.
                """,
            version:
                "cnitool \(Release.version) of swift-cni, CNI specification \(SpecVersion.v0_1_0) to \(SpecVersion.newest)",
            subcommands: [
                Add.self, Check.self, Delete.self, Status.self, GarbageCollect.self, Version.self, List.self,
                Prune.self,
            ]
        )
    }

    /// Parses the command line and runs what it says.
    ///
    /// Every failure exits with 1, as the reference's tool does.
    static func main() {
        // A signal must not leave half a chain behind: the runtime looks for it between plugins.
        TerminationSignals.note()
        do {
            var command = try parseAsRoot(ProcessArguments.all)
            try command.run()
        } catch let error as RuntimeError {
            Terminal.complain("cnitool: \(error)")
            Glibc.exit(1)
        } catch {
            guard exitCode(for: error) != .success else { exit(withError: error) }
            // A bare exit code has been explained where it was thrown.
            if !(error is ExitCode) { Terminal.complain(fullMessage(for: error)) }
            Glibc.exit(1)
        }
    }
}
