// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
internal import IPAddresses
internal import LinuxSystem

extension ReservationStore {
    /// The attachments that hold addresses of any network in a data directory; none when there is no such directory.
    ///
    /// Nothing is locked or changed. The interface's name is empty in reservations of before plugins 0.8.
    ///
    /// - Throws: ``CNIError`` with code 5 when a reservation cannot be read.
    public static func holders(inDataDirectory directory: String) throws(CNIError) -> Set<AttachmentIdentity> {
        do throws(SystemCallError) {
            var holders: Set<AttachmentIdentity> = []
            for network in try Directory.namesIfPresent(in: directory) ?? [] {
                guard Identifier.problem(withNetworkName: network) == nil, Directory.exists("\(directory)/\(network)")
                else { continue }
                let folder = ReservationFolder(path: "\(directory)/\(network)")
                for attachment in try folder.holders() {
                    holders.insert(AttachmentIdentity(network: network, attachment: attachment))
                }
            }
            return holders
        } catch {
            throw CNIError(.inputOutput, "the reservations in \(directory) cannot be read", details: "\(error)")
        }
    }
}

extension ReservationFolder {
    fileprivate func holders() throws(SystemCallError) -> Set<AttachmentID> {
        var holders: Set<AttachmentID> = []
        for name in try Directory.namesIfPresent(in: path) ?? [] {
            guard let address = IPAddress(name), case .owned(let holder) = try reservation(of: address) else {
                continue
            }
            holders.insert(holder)
        }
        return holders
    }
}
