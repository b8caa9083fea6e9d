// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import CNIExecution
internal import JSON

/// An address allocation that runs beside the plugin's own work, in three steps.
///
/// Starting costs nothing but a process: the address manager does nothing before it has its configuration, and one
/// that never gets it is killed. Once begun, the allocation must be finished whatever happens meanwhile: one that
/// succeeded is taken back by the undo list.
public struct IPAMAllocation: ~Copyable {
    private let type: String?
    private var delegate: RunningPlugin?

    /// Whether the configuration names an address manager; without one the network is layer 2 only.
    public var isUsed: Bool { type != nil }

    /// Whether the address manager is known to need no interface, and may allocate before there is one.
    ///
    /// dhcp, for one, asks the network through it.
    public var needsNoInterface: Bool { type == "host-local" || type == "static" }

    /// Starts the address manager, which waits for its configuration.
    public static func start(_ request: AddRequest) throws(CNIError) -> IPAMAllocation {
        guard let type = request.configuration.ipamType else { return IPAMAllocation(type: nil, delegate: nil) }
        return IPAMAllocation(type: type, delegate: try request.startDelegate(type))
    }

    /// Has the address manager allocate, while the caller goes on.
    public mutating func begin(_ request: AddRequest) throws(CNIError) {
        try delegate?.send(request.configuration.root.value)
    }

    private init(type: String?, delegate: consuming RunningPlugin?) {
        self.type = type
        self.delegate = consume delegate
    }

    /// Waits for the answer and registers the release.
    ///
    /// - Returns: The addresses, routes and DNS settings; an empty result without address manager.
    public mutating func finish(_ request: AddRequest) throws(CNIError) -> NetworkResult {
        guard let type, var delegate = delegate.take() else { return NetworkResult() }
        let answer: PluginAnswer
        do { answer = try request.collect(from: &delegate) } catch {
            // One that reported a failure has cleaned up, whatever the failure's code. One that fell over has not, and may
            // hold an address; none of an earlier attachment, whose interface would have been found.
            if !delegate.hasReportedFailure { try registerRelease(request, type) }
            throw error
        }
        try registerRelease(request, type)
        return try request.result(of: answer, from: type)
    }

    private func registerRelease(_ request: AddRequest, _ type: String) throws(CNIError) {
        try request.undo.register("release the address with plugin \(type)") { () throws(CNIError) in
            try request.undoDelegate(type)
        }
    }
}
