// swift-cni, SPDX-License-Identifier: Apache-2.0
//
// usage: kubernetes-server ADDRESS PORT NODES
//
// Serves the nodes node1, node2 and so on, at 192.0.2.1 and 2001:db8::1 and so on, each with a subnet of both families, as
// a cluster's API server does after kubeadm. Ends with its standard input, and fails when it was asked for something that a
// well-behaved client does not ask for.

import Glibc
import KubernetesTesting

let arguments = CommandLine.arguments
guard arguments.count == 4, let port = UInt16(arguments[2]), let count = Int(arguments[3]), (1...99).contains(count)
else {
    print("usage: kubernetes-server ADDRESS PORT NODES")
    exit(2)
}
do {
    var options = KubernetesServer.Options()
    (options.address, options.port) = (arguments[1], port)
    let server = try KubernetesServer(options)
    server.put(
        (1...count).map { number in
            NodeDocument.make(
                "node\(number)",
                podCIDRs: ["10.244.\(number).0/24", "fd10:0:0:\(number)::/64"],
                addresses: ["192.0.2.\(number)", "2001:db8::\(number)"]
            )
        }
    )
    while readLine() != nil {}
    for violation in server.violations { print(violation) }
    exit(server.violations.isEmpty ? 0 : 1)
} catch {
    print("\(error)")
    exit(1)
}
