// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import LinuxSystem
internal import Overlay
internal import PluginInstallation
internal import UnixSignals

/// `flanneld install-cni` and `flanneld uninstall-cni`: plugins are put where the node's runtime looks for them, as the
/// first step of a pod, and taken away when the node is to be as it was.
enum InstallCommand {
    /// Where plugins are installed.
    private struct Target: ParsableArguments {
        @Option(help: "Directory in which the runtime looks for plugins.") var cniBinDir = "/opt/cni/bin"
    }

    /// The flags of `install-cni`.
    private struct InstallFlags: ParsableArguments {
        @Option(help: "Directory of a release: plugins, and a file \"version\".") var source = "/opt/swift-cni/bin"
        @OptionGroup var target: Target
        @Flag(help: "Install even what is older than what is there.") var allowDowngrade = false
    }

    /// The flags of `uninstall-cni`.
    private struct UninstallFlags: ParsableArguments {
        @OptionGroup var target: Target
        @Flag(help: "Stay until a signal comes when the plugins are gone, as a container of a DaemonSet has to.")
        var wait = false
    }

    static func install(_ arguments: [String]) throws(OverlayError) {
        let flags = try parse(InstallFlags.self, arguments)
        let source = try absolute(flags.source, "source")
        try change(flags.target) { (installer) throws(InstallationError) in
            try installer.install(from: source, allowingDowngrade: flags.allowDowngrade)
        }
    }

    static func uninstall(_ arguments: [String]) async throws(OverlayError) {
        let flags = try parse(UninstallFlags.self, arguments)
        // From the beginning: nothing ends the first process of a container but a signal that it asked for.
        let signals = await flags.wait ? UnixSignalsSequence(trapping: .sigterm, .sigint) : nil
        try change(flags.target) { (installer) throws(InstallationError) in try installer.uninstall() }
        guard let signals else { return }
        for await _ in signals { return }
    }

    private static func parse<Flags: ParsableArguments>(
        _ type: Flags.Type,
        _ arguments: [String]
    ) throws(OverlayError) -> Flags {
        do { return try Flags.parse(arguments) } catch {
            throw OverlayError(.option, Flags.message(for: error), advice: "flanneld --help lists all flags")
        }
    }

    private static func absolute(_ path: String, _ flag: String) throws(OverlayError) -> String {
        guard path.hasPrefix("/") else {
            throw OverlayError(.option, "--\(flag) \"\(path)\" is no absolute path", advice: "begin it with a slash")
        }
        return Path.normalized(path)
    }

    /// Changes what is installed, and says each step.
    private static func change(
        _ target: Target,
        _ body: (PluginInstaller) throws(InstallationError) -> [PluginInstaller.Step]
    ) throws(OverlayError) {
        let installer = PluginInstaller(target: try absolute(target.cniBinDir, "cni-bin-dir"))
        do throws(InstallationError) {
            for step in try body(installer) {
                StandardStream.output.write(line: "\(step.kind.text) \(target.cniBinDir)/\(step.name)")
            }
        } catch { throw OverlayError(.localFile, error.message, advice: error.advice) }
    }
}

extension PluginInstaller.Step.Kind {
    /// What was done, in words that stand before the path.
    fileprivate var text: String {
        switch self {
        case .replaced: "kept what was there, and installed"
        case .restored: "put back what had been there,"
        case .left: "somebody has changed it since, so it stays:"
        case .installed, .updated, .unchanged, .removed: rawValue
        }
    }
}
