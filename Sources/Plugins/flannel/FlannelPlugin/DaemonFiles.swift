// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import JSON
internal import LinuxSystem

/// The files by which flanneld tells this plugin how things are.
struct DaemonFiles {
    /// The path of `subnet.env`, which is there from the moment flanneld is ready for the first time in a boot.
    let subnetFile: String

    /// This machine's part of the overlay.
    ///
    /// - Throws: ``CNIError`` with code 11, with flanneld's own reason when it left one.
    func environment() throws(CNIError) -> SubnetEnvironment {
        do throws(CNIError) {
            guard let contents = try read() else {
                throw CNIError(
                    .tryAgainLater,
                    "\(subnetFile): no such file; flanneld writes it once it is ready"
                )
            }
            return try SubnetEnvironment(parsing: String(decoding: contents, as: UTF8.self), path: subnetFile)
        } catch {
            var error = error
            let reason = status?.description ?? "flanneld has left no reason in \(statusFile); is it running?"
            error.message += "; \(reason)"
            throw error.adding(
                details:
                    "containers can be attached once flanneld is ready: start it, or see in its log what it waits for"
            )
        }
    }

    private func read() throws(CNIError) -> [UInt8]? {
        do { return try File.contentsIfPresent(of: subnetFile, limit: 1 << 20) } catch {
            throw CNIError(.tryAgainLater, "\(subnetFile) cannot be read: \(error)")
        }
    }

    /// What flanneld last said of itself; nil when it said nothing that can be read.
    var status: DaemonStatus? {
        guard let contents = try? File.contents(of: statusFile, limit: 1 << 20),
            let document = try? JSONValue(parsing: contents)
        else { return nil }
        return DaemonStatus(document)
    }

    private var statusFile: String { "\(Path.parent(of: subnetFile))/status.json" }
}

/// flanneld's state, as it writes it into `status.json`.
struct DaemonStatus: Hashable {
    /// `state`: "starting", "ready", "degraded".
    let state: String
    /// `lastError`: what keeps flanneld from being ready; nil when nothing does.
    let lastError: String?
    /// `since`: when the state began.
    let since: String?

    /// Reads the document; nil when it says no state.
    init?(_ document: JSONValue) {
        let root = JSONNode(document)
        guard let state = root["state"]?.value.string, !state.isEmpty else { return nil }
        self.state = state
        lastError = root["lastError"]?.value.string.flatMap { $0.isEmpty ? nil : String($0.prefix(1_000)) }
        since = root["since"]?.value.string.flatMap { $0.isEmpty ? nil : String($0.prefix(64)) }
    }

    /// Whether packets between machines are known not to get through.
    var isDegraded: Bool { state == "degraded" }

    /// As an error quotes it.
    var description: String {
        let state = "flanneld is \(state.prefix(64))" + (since.map { " since \($0)" } ?? "")
        return lastError.map { "\(state): \($0)" } ?? state
    }
}
