// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import IPAddresses
internal import LinuxSystem

extension ReservationStore {
    /// Runs work on the index under the lock, and repeats it once on an index made anew when the first one turns out
    /// not to describe the folder.
    func withIndex<Result>(
        _ body: (inout ReservationIndex) throws(StoreFailure) -> Result
    ) throws(CNIError) -> Result {
        try withLock { () throws(SystemCallError) in
            let valid = ReservationIndex(ifValidFor: folder, in: indexDirectory, network: network, boot: boot)
            var index = if let valid { valid } else { try rebuiltIndex() }
            return try work(&index, body, mayRebuild: true)
        }.get()
    }

    private func work<Result>(
        _ index: inout ReservationIndex,
        _ body: (inout ReservationIndex) throws(StoreFailure) -> Result,
        mayRebuild: Bool
    ) throws(SystemCallError) -> Swift.Result<Result, CNIError> {
        do throws(StoreFailure) {
            let result = try body(&index)
            index.save()
            return .success(result)
        } catch {
            switch error {
            case .failed(let failure): return .failure(failure)
            case .stale where mayRebuild:
                index = try rebuiltIndex()
                return try work(&index, body, mayRebuild: false)
            case .stale:
                return .failure(
                    CNIError(.inputOutput, "\(folder.path) changes while it is locked; is it on a shared file system?")
                )
            }
        }
    }

    /// An index made from the folder, and written at once: the work on it may fail.
    private func rebuiltIndex() throws(SystemCallError) -> ReservationIndex {
        var index = ReservationIndex(
            rebuiltFrom: try folder.sweep(),
            of: folder,
            in: indexDirectory,
            network: network,
            boot: boot
        )
        index.save()
        return index
    }

    /// Runs work under the lock of the folder, which must exist.
    func withLock<Result>(_ body: () throws(SystemCallError) -> Result) throws(CNIError) -> Result {
        try attemptCNI { () throws(SystemCallError) in
            let lock = try folder.lock()
            return try withExtendedLifetime(lock) { () throws(SystemCallError) in try body() }
        }
    }

    /// Runs system calls as part of work on the index.
    func attempt<Result>(_ body: () throws(SystemCallError) -> Result) throws(StoreFailure) -> Result {
        do { return try attemptCNI(body) } catch { throw .failed(error) }
    }

    /// Runs system calls; a termination signal while waiting for the lock is not a failure of the store.
    func attemptCNI<Result>(_ body: () throws(SystemCallError) -> Result) throws(CNIError) -> Result {
        do { return try body() } catch {
            if error.number == .interrupted {
                throw CNIError(.interrupted, "interrupted while waiting for \(folder.path)/lock")
            }
            throw CNIError(
                .inputOutput,
                "reservations in \(folder.path) cannot be read or written",
                details: "\(error)"
            )
        }
    }

    /// What an attachment holds, as the folder confirms, and under which name: reservations without an interface
    /// name count when there are none with it.
    func holdings(
        of attachment: AttachmentID,
        in index: inout ReservationIndex
    ) throws(StoreFailure) -> (owner: AttachmentID, addresses: [IPAddress]) {
        let nameless = AttachmentID(containerID: attachment.containerID, interfaceName: "")
        for owner in [attachment, nameless] {
            let addresses = try index.addresses(of: owner)
            guard !addresses.isEmpty else { continue }
            for address in addresses {
                let found = try attempt { () throws(SystemCallError) in try folder.reservation(of: address) }
                guard found == .owned(by: owner) else { throw .stale }
            }
            return (owner, addresses)
        }
        return (attachment, [])
    }
}
