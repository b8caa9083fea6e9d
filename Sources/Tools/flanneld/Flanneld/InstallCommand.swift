// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import LinuxSystem
internal import Overlay
internal import PluginInstallation
internal import UnixSignals

/// `flanneld install-cni` and `flanneld uninstall-cni`: plugins are put where the node's runtime looks for them, as the
/// first step of a pod, and taken away when the node is to be as it was.
struct InstallCommand: Sendable {
    /// The flags of both.
    struct Flags: ParsableArguments {
        @Option(help: "Directory of a release: plugins, and a file \"version\".") var source = "/opt/swift-cni/bin"
        @Option(help: "Directory in which the runtime looks for plugins.") var cniBinDir = "/opt/cni/bin"
        @Flag(help: "Install even what is older than what is there.") var allowDowngrade = false
        @Flag(help: "Stay until a signal comes when the plugins are gone, as a container of a DaemonSet has to.")
        var wait = false
    }

    private let flags: Flags
    private let installer: PluginInstaller

    init(_ arguments: [String]) throws(OverlayError) {
        do { flags = try Flags.parse(arguments) } catch {
            throw OverlayError(.option, Flags.message(for: error), advice: "flanneld --help lists all flags")
        }
        for (name, path) in [("source", flags.source), ("cni-bin-dir", flags.cniBinDir)] where !path.hasPrefix("/") {
            throw OverlayError(.option, "--\(name) \"\(path)\" is no absolute path", advice: "begin it with a slash")
        }
        installer = PluginInstaller(target: Path.normalized(flags.cniBinDir))
    }

    func install() throws(OverlayError) {
        try tell { () throws(InstallationError) in
            try installer.install(from: Path.normalized(flags.source), allowingDowngrade: flags.allowDowngrade)
        }
    }

    func uninstall() async throws(OverlayError) {
        // From the beginning: nothing ends the first process of a container but a signal that it asked for.
        let signals = await flags.wait ? UnixSignalsSequence(trapping: .sigterm, .sigint) : nil
        try tell { () throws(InstallationError) in try installer.uninstall() }
        guard let signals else { return }
        for await _ in signals { return }
    }

    private func tell(
        _ body: () throws(InstallationError) -> [PluginInstaller.Step]
    ) throws(OverlayError) {
        do throws(InstallationError) {
            for step in try body() {
                StandardStream.output.write(line: "\(step.kind.text) \(flags.cniBinDir)/\(step.name)")
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
