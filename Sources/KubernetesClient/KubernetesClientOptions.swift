// swift-cni, SPDX-License-Identifier: Apache-2.0

public import HTTPTransport

/// Where the Kubernetes API is, who is asking, and how patient the client is.
public struct KubernetesClientOptions: Hashable, Sendable {
    /// Who is asking, besides a certificate.
    public enum Credentials: Hashable, Sendable {
        /// Nobody, or whom the certificate names.
        case none
        /// The owner of a token.
        case token(String)
        /// The owner of a token in a file, which is read again for each request: tokens are replaced while they are used.
        case tokenFile(String)
    }

    /// The server: `https://HOST:PORT`, or with a path behind it.
    public var server: String
    /// What is expected of the server, and shown to it.
    public var tls = ClientTLS()
    /// The name that the server's certificate must be for; nil for the host in ``server``.
    public var serverName: String?
    /// Who is asking.
    public var credentials = Credentials.none
    /// How long a connection may take.
    public var connectLimit = Duration.seconds(5)
    /// How long the server may take to answer a request that is not a watch.
    public var requestLimit = Duration.seconds(15)
    /// How long a watch may be silent before it is opened anew; the server sends a bookmark each minute.
    public var silenceLimit = Duration.seconds(90)
    /// How long the server's kernel may be silent before a connection counts as dead.
    public var livenessLimit = Duration.seconds(20)
    /// How long one watch lasts, so that a server that was restarted gets its share again: a random time in this range.
    public var watchDuration: ClosedRange<Int64> = 300...600
    /// How many nodes are asked for at once: a page of 100 is 1 MB, and is in memory as a whole for a moment.
    public var pageSize = 100
    /// For how long those that have to read all nodes again spread that, for each node: five thousand do it within 10 s.
    public var readingSpread = Duration.milliseconds(2)
    /// The longest time that is waited in a request when the server asks for that (`Retry-After`).
    public var patience = Duration.seconds(5)
    /// The beginning of the annotations that are kept of nodes, as `example.org/`; without any none are.
    public var annotationPrefix: String?

    /// The defaults for a server that asks nobody's name.
    public init(server: String) { self.server = server }
}
