// swift-cni, SPDX-License-Identifier: Apache-2.0

extension EtcdServer {
    /// Starts three members of one cluster and waits until each answers clients.
    public static func startedCluster() throws -> [EtcdServer] {
        let members = ["a", "b", "c"].map { (name: $0, address: EtcdServer.randomAddress) }
        let servers = try members.map { member in
            var options = Options()
            options.name = member.name
            options.address = member.address
            options.cluster = members
            return try EtcdServer(options)
        }
        // None is ready before most are started.
        for server in servers { try server.waitUntilReady() }
        return servers
    }
}
