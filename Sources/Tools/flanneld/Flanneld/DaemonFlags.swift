// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

/// The flags by their names on the command line; what they mean is in ``DaemonOptions``.
///
/// Booleans have a value here: ``FlagSpelling`` gives them one.
struct DaemonFlags: ParsableArguments {
    @Option(help: "Where leases are kept: file:///DIRECTORY.") var store = "file:///var/lib/flannel/network"
    @Option(help: "Use the subnets of Kubernetes nodes.") var kubeSubnetMgr = false
    @Option(help: "URL of the Kubernetes API, in place of the kubeconfig file's; pods know it without.")
    var kubeApiUrl = ""
    @Option(help: "Kubeconfig file that says where the Kubernetes API is and who asks.") var kubeconfigFile = ""
    @Option(help: "What the annotations of Kubernetes nodes begin with.")
    var kubeAnnotationPrefix = "flannel.alpha.coreos.com"
    @Option(help: "File with the network's configuration, when the subnets are those of Kubernetes nodes.")
    var netConfigPath = "/etc/kube-flannel/net-conf.json"
    @Option(help: "Set the node's condition NetworkUnavailable to False when the node is ready.")
    var setNodeNetworkUnavailable = true
    @Option(help: "Comma-separated addresses of etcd.")
    var etcdEndpoints = "http://127.0.0.1:4001,http://127.0.0.1:2379"
    @Option(help: "Prefix of the keys in etcd.") var etcdPrefix = "/coreos.com/network"
    @Option(help: "File with the key of the certificate for etcd.") var etcdKeyfile = ""
    @Option(help: "File with the certificate for etcd.") var etcdCertfile = ""
    @Option(help: "File with the authorities that etcd's certificate may come from.") var etcdCafile = ""
    @Option(help: "User name for etcd.") var etcdUsername = ""
    @Option(help: "Password for etcd.") var etcdPassword = ""
    @Option(help: "Name or address of the interface to use; may be repeated, the first that exists wins.")
    var iface: [String] = []
    @Option(help: "Regular expression for addresses or names of the interface; may be repeated.")
    var ifaceRegex: [String] = []
    @Option(help: "Use the interface by which this address is reached.") var ifaceCanReach = ""
    @Option(help: "IPv4 address that other nodes send to.") var publicIp = ""
    @Option(name: .customLong("public-ipv6"), help: "IPv6 address that other nodes send to.") var publicIpv6 = ""
    @Option(help: "File that tells the flannel plugin of this node's subnet.")
    var subnetFile = "/run/flannel/subnet.env"
    @Option(help: "Minutes before its end at which a lease of etcd is renewed; 1 to 1439.")
    var subnetLeaseRenewMargin = 60
    @Option(
        help: ArgumentHelp(
            "Seconds that a lease outlives its last renewal; for tests and special needs.",
            visibility: .hidden
        )
    )
    var leaseTtl = 86_400
    @Option(help: "Masquerade what leaves the network.") var ipMasq = false
    @Option(help: "Do not choose source ports at random when masquerading.") var ipMasqFullyRandomDisable = false
    @Option(help: "Let the network's packets through the host's firewall.") var iptablesForwardRules = true
    @Option(help: "Drop packets to addresses of this node's subnet that no container has a route for.")
    var ipBlackholeRoute = false
    @Option(help: "Directory of network lists; empty for none.") var cniConfDir = "/etc/cni/net.d"
    @Option(help: "File with the list to write instead of the usual one.") var cniConfTemplate = ""
    @Option(help: "Address of the health server.") var healthzIp = "0.0.0.0"
    @Option(help: "Port of the health server; 0 for none.") var healthzPort = 0
    @Option(name: .customLong("state-dir"), help: "Directory for what this node must not forget.")
    var stateDirectory = "/var/lib/flannel"
    @Option(help: "How log lines are written: text or json.") var logFormat = "text"
    @Option(name: .customLong("v"), help: "How much is logged: 0, or 1 and more for details.") var verbosity = 0
    @Option(help: "Without effect: traffic rules are repaired when they change, not every so many seconds.")
    var iptablesResync = 5
    @Option(help: "Without effect, as is log_backtrace_at.") var vmodule = ""
    @Option(name: .customLong("log_backtrace_at"), help: .hidden) var logBacktraceAt = ""

    /// Which of them are valued, and which are true or false.
    static var spelling: FlagSpelling {
        FlagSpelling(
            valued: [
                "store", "etcd-endpoints", "etcd-prefix", "etcd-keyfile", "etcd-certfile", "etcd-cafile",
                "etcd-username",
                "etcd-password", "iface", "iface-regex", "iface-can-reach", "public-ip", "public-ipv6", "subnet-file",
                "subnet-lease-renew-margin", "lease-ttl", "cni-conf-dir", "cni-conf-template", "healthz-ip",
                "healthz-port",
                "kube-api-url", "kubeconfig-file", "kube-annotation-prefix", "net-config-path",
                "state-dir", "log-format", "v", "iptables-resync", "vmodule", "log_backtrace_at",
            ],
            boolean: [
                "kube-subnet-mgr", "set-node-network-unavailable", "ip-masq", "ip-masq-fully-random-disable",
                "iptables-forward-rules",
                "ip-blackhole-route",
            ]
        )
    }
}
