// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Glibc
internal import LinuxSystem
internal import Logging
internal import Overlay
internal import ServiceLifecycle
internal import UnixSignals

/// The command `flanneld`: the daemon itself, and commands about it and the node's plugins.
public enum FlanneldCommand {
    /// What is done.
    private enum Action: String {
        case run, status, cleanup, help, version
        case installPlugins = "install-cni"
        case uninstallPlugins = "uninstall-cni"

        /// Whether it is asked for by a word that comes first.
        var isWord: Bool {
            switch self {
            case .status, .cleanup, .installPlugins, .uninstallPlugins: true
            case .run, .help, .version: false
            }
        }
    }

    /// Reads the command line, does what it says, and exits: 0 when all is well, 1 when not, 2 for a wrong command line.
    public static func main() async {
        var arguments = Array(ProcessArguments.all)
        let action = takeAction(&arguments)
        do throws(OverlayError) {
            switch action {
            case .help: StandardStream.output.write(line: help)
            case .version: StandardStream.output.write(line: version)
            case .status:
                let isJSON = take("json", from: &arguments)
                let options = try DaemonOptions(arguments, environment: ProcessEnvironment.entries)
                exit(try await StatusCommand(options, isJSON: isJSON).run() ? 0 : 1)
            case .cleanup:
                try await CleanupCommand(try DaemonOptions(arguments, environment: ProcessEnvironment.entries)).run()
            case .installPlugins: try InstallCommand.install(arguments)
            case .uninstallPlugins: try await InstallCommand.uninstall(arguments)
            case .run: try await run(try DaemonOptions(arguments, environment: ProcessEnvironment.entries))
            }
            exit(0)
        } catch {
            StandardStream.error.write(line: "flanneld: \(error)")
            exit(error.code == .option ? 2 : 1)
        }
    }

    /// Finds out what is asked for, and takes it out of the arguments.
    private static func takeAction(_ arguments: inout [String]) -> Action {
        if take("help", from: &arguments) || take("h", from: &arguments) { return .help }
        if take("version", from: &arguments) { return .version }
        guard let first = arguments.first, let action = Action(rawValue: first), action.isWord else { return .run }
        arguments.removeFirst()
        return action
    }

    private static func take(_ flag: String, from arguments: inout [String]) -> Bool {
        guard let position = arguments.firstIndex(where: { $0 == "--\(flag)" || $0 == "-\(flag)" }) else {
            return false
        }
        arguments.remove(at: position)
        return true
    }

    private static var version: String { "flanneld \(Release.version) of swift-cni" }

    /// What `--help` prints.
    static var help: String {
        """
        flanneld: the containers of all nodes reach each other.

        USAGE: flanneld [flags]            run the daemon
               flanneld status [--json]    say how far it is; exits with 0 when it is ready
               flanneld cleanup [flags]    remove all that the daemon has made on this node
               flanneld install-cni [--source DIRECTORY] [--cni-bin-dir DIRECTORY] [--allow-downgrade]
                                           put plugins where the runtime looks for them
               flanneld uninstall-cni [--cni-bin-dir DIRECTORY] [--wait]
                                           take them away, and put back what was there before; then stay until a signal
               flanneld --version

        Each flag can be given in the environment: --ip-masq as FLANNELD_IP_MASQ=true. With --kube-subnet-mgr, NODE_NAME, or
        POD_NAME and POD_NAMESPACE, say which node this is; EVENT_QUEUE_DEPTH and CONT_WHEN_CACHE_NOT_READY are without
        effect.

        \(flags)
        """
    }

    /// The flags, without the parser's own line of usage, which is about a type of ours.
    private static var flags: String {
        let text = DaemonFlags.helpMessage(columns: 100)
        return text.firstRange(of: "OPTIONS:").map { String(text[$0.lowerBound...]) } ?? text
    }

    private static func run(_ options: DaemonOptions) async throws(OverlayError) {
        Memory.shareOneHeap()
        let format: LineLogHandler.Format = options.log.isJSON ? .json : .text
        LoggingSystem.bootstrap { _ in LineLogHandler(format) }
        var log = Logger(label: "flanneld")
        if options.log.isVerbose { log.logLevel = .debug }
        let logger = log
        try await StoreFactory(options).withStore { (store) async throws(OverlayError) in
            try await run(options, store, logger)
        }
    }

    private static func run(
        _ options: DaemonOptions,
        _ store: some SubnetStore,
        _ log: Logger
    ) async throws(OverlayError) {
        let lock = try DaemonLock(options)
        // Plugins and people read what the daemon writes, whatever it was started by.
        umask(0o022)
        let systemd = SystemdNotifier(environment: ProcessEnvironment.entries)
        log.info("version \(Release.version) starts, store \(options.store.summary)")
        let node = try OverlayNode(options, log, systemd)
        let daemon = Daemon(options: options, store: store, node: node, log: log, systemd: systemd)
        var quiet = log
        quiet.logLevel = .error
        do {
            try await ServiceGroup(
                services: [daemon],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: quiet
            ).run()
        } catch let error as OverlayError {
            throw error
        } catch { throw OverlayError(.localFile, "\(error)") }
        withExtendedLifetime(lock) {}
    }
}
