// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import JSON
internal import LinuxSystem

/// A directory of network configurations, `/etc/cni/net.d` unless told otherwise.
///
/// Lists (`.conflist`) come before single plugins (`.conf`, `.json`), each in the order of their file names. The first
/// network of a name counts. Plugins in `<directory>/<network>/*.conf` are appended to a list's own.
public struct ConfigurationDirectory: Hashable, Sendable {
    /// Where runtimes look unless told otherwise.
    public static let standardPath = "/etc/cni/net.d"

    /// The directory's path.
    public let path: String

    /// Names a directory.
    public init(_ path: String = standardPath) { self.path = path }

    /// The networks of a directory and what was skipped.
    public struct Contents: Sendable {
        /// The networks in the order of precedence, each name once.
        public internal(set) var networks: [NetworkList] = []
        /// Files that could not be read or are hidden by an earlier one, each with the reason.
        public internal(set) var warnings: [String] = []
    }

    /// One network and what was skipped on the way to it.
    public struct Match: Sendable {
        /// The network.
        public let network: NetworkList
        /// Files that could not be read, each with the reason.
        public let warnings: [String]
    }

    /// Finds a network by name.
    ///
    /// A broken file is a warning, unless it is the one that holds the network.
    /// - Throws: ``RuntimeError`` with code 7 when there is none, or when its own file is broken.
    public func network(named name: String) throws(RuntimeError) -> Match {
        if let problem = Identifier.problem(withNetworkName: name) {
            throw RuntimeError(.invalidConfiguration, "network name \"\(name)\" \(problem)")
        }
        var warnings: [String] = []
        let files = try files()
        for file in files {
            switch read(file, expecting: name) {
            case .network(let network) where network.name == name:
                return Match(network: network, warnings: warnings)
            case .broken(let problem, of: name):
                throw RuntimeError(problem.code, "\(file.path): \(problem.message)", details: problem.details)
            case .network: continue
            case .broken(let problem, _): warnings.append("\(file.path) is skipped: \(problem)")
            }
        }
        guard !files.isEmpty else {
            throw RuntimeError(.invalidConfiguration, "no network configurations found in \(path)")
        }
        throw RuntimeError(
            .invalidConfiguration,
            "no network configuration with name \"\(name)\" in \(path)",
            details: warnings.joined(separator: "\n")
        )
    }

    /// Reads all networks.
    public func load() throws(RuntimeError) -> Contents {
        var contents = Contents()
        for file in try files() {
            switch read(file, expecting: nil) {
            case .network(let network):
                if contents.networks.contains(where: { $0.name == network.name }) {
                    contents.warnings.append(
                        "\(file.path) is skipped: an earlier file defines the network \"\(network.name)\""
                    )
                } else {
                    contents.networks.append(network)
                }
            case .broken(let problem, _): contents.warnings.append("\(file.path) is skipped: \(problem)")
            }
        }
        return contents
    }
}

extension ConfigurationDirectory {
    /// A file that may hold a network.
    private struct Candidate {
        let path: String
        let isList: Bool
    }

    /// What a file turned out to be.
    private enum Reading {
        case network(NetworkList)
        case broken(CNIError, of: String?)
    }

    /// The files with a known extension, lists first.
    ///
    /// Directories are left out; a missing directory has no files.
    private func files() throws(RuntimeError) -> [Candidate] {
        let names: [String]
        do { names = try Directory.namesIfPresent(in: path) ?? [] } catch {
            throw RuntimeError(.inputOutput, "network configurations cannot be listed", details: "\(error)")
        }
        let sorted = names.sorted(by: byteOrder)
        let lists = sorted.filter { $0.hasSuffix(".conflist") }
        let singles = sorted.filter { $0.hasSuffix(".conf") || $0.hasSuffix(".json") }
        let candidates =
            lists.map { Candidate(path: "\(path)/\($0)", isList: true) }
            + singles.map { Candidate(path: "\(path)/\($0)", isList: false) }
        return candidates.filter { !Directory.exists($0.path) }
    }

    /// Reads a file; the drop-ins of a list only when it is the expected one, or when all are.
    private func read(_ file: Candidate, expecting name: String?) -> Reading {
        var found: String?
        do throws(CNIError) {
            let (document, source) = try parse(file.path)
            found = document.object?["name"]?.string
            guard file.isList else {
                if document.object?["type"] == nil, document.object?["plugins"] != nil {
                    throw CNIError(
                        .invalidConfiguration,
                        "holds a list of plugins: give the file the extension .conflist"
                    )
                }
                return .network(try NetworkList(singlePlugin: document))
            }
            var list = try NetworkList(document: document, source: source)
            if name == nil || name == list.name { try appendDropIns(to: &list) }
            return .network(list)
        } catch {
            return .broken(error, of: found)
        }
    }

    private func appendDropIns(to list: inout NetworkList) throws(CNIError) {
        let directory = "\(path)/\(list.name)"
        if !list.loadsOnlyInlinedPlugins, Directory.exists(directory) {
            let names: [String]
            do { names = try Directory.names(in: directory) } catch {
                throw CNIError(.inputOutput, "its drop-in directory cannot be listed", details: "\(error)")
            }
            for name in names.filter({ $0.hasSuffix(".conf") }).sorted(by: byteOrder) {
                do {
                    let (document, _) = try parse("\(directory)/\(name)")
                    list.plugins.append(try PluginConfiguration(JSONNode(document)))
                } catch let error as JSONError {
                    throw CNIError(error, in: "drop-in \(directory)/\(name)")
                } catch let error as CNIError {
                    throw CNIError(error.code, "drop-in \(directory)/\(name): \(error.message)", details: error.details)
                } catch {
                    throw CNIError(.decoding, "drop-in \(directory)/\(name): \(error)")
                }
            }
        }
        guard !list.plugins.isEmpty else {
            throw CNIError(
                .invalidConfiguration,
                "network configuration: plugins: is missing, and \(directory) holds no plugin either"
            )
        }
    }

    private func parse(_ path: String) throws(CNIError) -> (JSONValue, [UInt8]) {
        // Opening a FIFO would wait for its writer.
        guard File.isRegular(path) else {
            throw CNIError(.inputOutput, "is not a file that can be read (a broken symbolic link?)")
        }
        let source: [UInt8]
        do { source = try File.contents(of: path) } catch {
            throw CNIError(.inputOutput, "cannot be read", details: "\(error)")
        }
        do { return (try JSONValue(parsing: source), source) } catch { throw CNIError(error) }
    }
}

/// The order of Go's string comparison, and so of the reference: by bytes.
private func byteOrder(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
}
