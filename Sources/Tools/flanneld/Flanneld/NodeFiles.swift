// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import LinuxSystem
internal import Overlay

/// The files by which the daemon tells plugins and runtime how far the overlay is.
struct NodeFiles: Sendable {
    /// `subnet.env`.
    let subnetFile: String
    /// The network list; nil when none is to be written.
    let networkList: NetworkListFile?
    /// What the list says.
    private let networkListContent: [UInt8]

    /// Reads the list's template, when there is one.
    init(_ options: DaemonOptions) throws(OverlayError) {
        subnetFile = options.subnetFile
        networkList =
            options.networkListDirectory.isEmpty
            ? nil
            : NetworkListFile(directory: options.networkListDirectory, stateDirectory: options.stateDirectory)
        guard !options.networkListTemplate.isEmpty else {
            networkListContent = NetworkListFile.template
            return
        }
        do throws(SystemCallError) { networkListContent = try File.contents(of: options.networkListTemplate) } catch {
            throw OverlayError(.option, error, advice: "--cni-conf-template names a file with a network list")
        }
    }

    /// `status.json`.
    var statusFile: String { StatusFile.path(beside: subnetFile) }

    /// Whether the overlay was ready in this boot: what says so is below `/run`, which a reboot empties.
    var wasReady: Bool { File.isRegular(subnetFile) }

    /// Whether there is a `status.json`.
    var hasStatus: Bool { File.isRegular(statusFile) }

    /// Whether all files are there that belong to a state.
    func areThere(for state: StatusFile.State) -> Bool {
        guard hasStatus else { return false }
        guard state == .ready else { return true }
        return File.isRegular(subnetFile) && networkList.map { File.isRegular($0.path) } ?? true
    }

    /// Takes the network list away, as its subnet is not known yet in this boot.
    ///
    /// - Returns: Whether there was one of ours.
    func withdrawNetworkList() throws(OverlayError) -> Bool {
        do throws(SystemCallError) { return try networkList?.removeIfOurs() ?? false } catch {
            throw OverlayError(.localFile, error)
        }
    }

    /// Writes `subnet.env` unless it says the same already.
    ///
    /// - Returns: Whether it was written.
    func publish(_ file: SubnetFile) throws(OverlayError) -> Bool {
        if let present = try? SubnetFile(at: subnetFile), present == file { return false }
        try file.write(to: subnetFile)
        return true
    }

    /// What became of the network list.
    enum Installation: Sendable {
        /// It was written, or another one of ours replaced.
        case written
        /// It was there.
        case unchanged
        /// Somebody else's is in its place and stays.
        case foreign
    }

    /// Writes the network list, unless it is there or there is one that is not ours.
    func installNetworkList() throws(OverlayError) -> Installation {
        guard let networkList else { return .unchanged }
        do throws(SystemCallError) {
            if try networkList.isForeign { return .foreign }
            return try networkList.install(networkListContent) ? .written : .unchanged
        } catch { throw OverlayError(.localFile, error) }
    }

    /// Writes `status.json`.
    func write(_ status: StatusFile) throws(OverlayError) {
        do throws(SystemCallError) { try status.write(to: statusFile) } catch { throw OverlayError(.localFile, error) }
    }
}
