// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import CNIExecution

/// An address release whose plugin starts up while the link is still being taken down.
///
/// It gets its configuration, and so does anything, only with ``finish(_:)``; without that it is killed.
public struct IPAMRelease: ~Copyable {
    private var delegate: RunningPlugin?

    /// Starts the address manager, when the configuration names one.
    public static func start(_ request: DeleteRequest) throws(CNIError) -> IPAMRelease {
        // A configuration that names this plugin as its own address manager was refused by ADD.
        guard let type = request.configuration.ipamType, type != request.plugin else {
            return IPAMRelease(delegate: nil)
        }
        return IPAMRelease(delegate: try request.startDelegate(type))
    }

    private init(delegate: consuming RunningPlugin?) { self.delegate = consume delegate }

    /// Lets the address go.
    public consuming func finish(_ request: DeleteRequest) throws(CNIError) {
        guard let delegate = delegate.take() else { return }
        try request.finish(delegate)
    }
}
