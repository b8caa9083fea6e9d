// swift-cni, SPDX-License-Identifier: Apache-2.0

/// Where etcd is, who is asking, and how patient the client is.
public struct EtcdClientOptions: Sendable {
    /// A user of etcd.
    public struct User: Sendable {
        /// The name.
        public var name: String
        /// The password.
        public var password: String

        /// Creates a user.
        public init(name: String, password: String) {
            self.name = name
            self.password = password
        }
    }

    /// The members of the cluster: `http://HOST:PORT` or `https://HOST:PORT`, tried in this order.
    public var endpoints: [String]
    /// The certificates that sign those of the members, in PEM; nil for the system's.
    public var authorityFile: String?
    /// This client's own certificate, followed by those that lead to its authority, in PEM.
    public var certificateFile: String?
    /// The private key of the certificate, in PEM.
    public var privateKeyFile: String?
    /// Whom to authenticate as, where etcd wants that.
    public var user: User?
    /// How long a connection to one member may take.
    public var connectLimit = Duration.seconds(2)
    /// How long a member's kernel may be silent on a connection before it counts as gone.
    public var livenessLimit = Duration.seconds(20)
    /// How long one member may take to answer before the next one is asked.
    public var requestLimit = Duration.seconds(5)
    /// How many keys one answer may hold; more are asked for one answer after the other.
    public var pageSize: Int64 = 1000
    /// How long a watch may be silent before it counts as dead.
    public var silenceLimit = Duration.seconds(60)

    /// The defaults for a cluster.
    public init(endpoints: [String]) { self.endpoints = endpoints }
}
