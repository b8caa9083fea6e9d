// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import CNIExecution
internal import JSON

/// An address allocation that runs beside the plugin's own work: started early, collected when addresses are needed.
///
/// It must be collected whatever happens meanwhile: an allocation that succeeded is taken back by the undo list.
public struct IPAMAllocation: ~Copyable {
    private let type: String?
    private var delegate: RunningPlugin?

    /// Whether the configuration names an address manager; without one the network is layer 2 only.
    public var isUsed: Bool { type != nil }

    /// Starts the address manager with its configuration.
    public static func start(_ request: AddRequest) throws(CNIError) -> IPAMAllocation {
        guard let type = request.configuration.ipamType else { return IPAMAllocation(type: nil, delegate: nil) }
        var delegate = try request.startDelegate(type)
        try delegate.send(request.configuration.root.value)
        return IPAMAllocation(type: type, delegate: delegate)
    }

    private init(type: String?, delegate: consuming RunningPlugin?) {
        self.type = type
        self.delegate = consume delegate
    }

    /// Waits for the answer and registers the release.
    ///
    /// - Returns: The addresses, routes and DNS settings; an empty result without address manager.
    public mutating func finish(_ request: AddRequest) throws(CNIError) -> NetworkResult {
        guard let type, let delegate = delegate.take() else { return NetworkResult() }
        let answer: PluginAnswer
        do { answer = try request.collect(delegate) } catch {
            // One that reported a failure has cleaned up. One that fell over has not, and may hold an address; none of
            // an earlier attachment, whose interface would have been found.
            if error.code == .delegation { try? request.undoDelegate(type) }
            throw error
        }
        try request.undo.register("release the address with plugin \(type)") { () throws(CNIError) in
            try request.undoDelegate(type)
        }
        return try request.result(of: answer, from: type)
    }
}
