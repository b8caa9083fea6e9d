// swift-cni, SPDX-License-Identifier: Apache-2.0
//
// usage: lease-holder DIRECTORY STATE-DIRECTORY NUMBER CONFIGURATION [PREFERRED-KEY] <one line
//
// Takes or renews the lease of a node in a shared directory once, prints its key, and ends: for tests that kill it.

import Glibc
import IPAddresses
import Overlay
import OverlayFile

// Who traces it counts from here.
_ = readLine()

let arguments = CommandLine.arguments
guard arguments.count >= 5, let address = IPAddress("192.0.2.\(arguments[3])") else { exit(2) }
do {
    var options = FileStoreOptions(directory: arguments[1])
    options.stateDirectory = arguments[2]
    options.subnetFile = "\(arguments[2])/subnet.env"
    options.createsDefaultNetwork = false
    let store = try FileSubnetStore(options)
    let held = try await store.holdLease(
        publishing: NodeDescription(publicAddresses: PerFamily(v4: address)),
        in: NetworkConfiguration(parsing: Array(arguments[4].utf8)),
        previous: arguments.count > 5 ? PerFamily(leaseKey: arguments[5]) ?? PerFamily() : PerFamily()
    )
    print(held.lease.subnets.leaseKey)
} catch {
    print("\(error)")
    exit(1)
}
