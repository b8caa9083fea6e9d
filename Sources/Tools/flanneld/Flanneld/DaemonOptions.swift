// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
public import IPAddresses
public import Overlay
public import OverlayKubernetes

/// What flanneld is told on the command line and in the environment.
///
/// The flags are flannel's, with its defaults; those that only make sense there say so.
public struct DaemonOptions: Hashable, Sendable {
    /// Where leases are kept.
    public enum Store: Hashable, Sendable {
        /// A directory, which several nodes may share.
        case directory(String)
        /// The Kubernetes API.
        case kubernetes(KubernetesStoreOptions)
        /// etcd.
        case etcd(EtcdOptions)
    }

    /// How etcd is reached.
    public struct EtcdOptions: Hashable, Sendable {
        /// `--etcd-endpoints`.
        public var endpoints: [String]
        /// `--etcd-prefix`.
        public var prefix: String
        /// `--etcd-cafile`, `--etcd-certfile`, `--etcd-keyfile`; "" for none.
        public var authority: String, certificate: String, key: String
        /// `--etcd-username`; "" for none.
        public var username: String
        /// `--etcd-password`; never logged.
        public var password: String
    }

    /// What is logged, and how.
    public struct LogOptions: Hashable, Sendable {
        /// Whether each line is a JSON object.
        public var isJSON: Bool
        /// Whether details are logged, too.
        public var isVerbose: Bool

        init(format: String, verbosity: Int) throws(OverlayError) {
            guard let format = LineLogHandler.Format(rawValue: format) else {
                throw OverlayError(.option, "--log-format is \"\(format)\"", advice: "write text or json")
            }
            isJSON = format == .json
            isVerbose = verbosity > 0
        }
    }

    /// Where leases are kept.
    public var store: Store
    /// Which interface is used.
    public var uplink: UplinkSelection
    /// `--subnet-file`.
    public var subnetFile: String
    /// `--cni-conf-dir`; "" when no list is to be written.
    public var networkListDirectory: String
    /// `--cni-conf-template`: a file whose content the list gets; "" for flannel and portmap.
    public var networkListTemplate: String
    /// `--ip-masq`.
    public var masquerades: Bool
    /// `--ip-masq-fully-random-disable`, negated.
    public var randomizesPorts: Bool
    /// `--iptables-forward-rules`.
    public var grantsForwarding: Bool
    /// `--ip-blackhole-route`.
    public var dropsUnclaimed: Bool
    /// `--healthz-ip`.
    public var healthAddress: IPAddress
    /// `--healthz-port`; 0 for none.
    public var healthPort: UInt16
    /// `--subnet-lease-renew-margin`, in minutes.
    public var renewalMargin: Int
    /// `--lease-ttl`, in seconds: how long a lease outlives its last renewal.
    ///
    /// For tests and special needs: a node that is off for longer than this may come back with another subnet.
    public var leaseTimeToLive: Int
    /// `--state-dir`: what this node must not forget.
    public var stateDirectory: String
    /// `--log-format`, `-v`.
    public var log: LogOptions

    /// Reads arguments and environment.
    ///
    /// - Parameters:
    ///   - arguments: Without the program's name.
    ///   - environment: `NAME=value`.
    /// - Throws: ``OverlayError`` that names the flag, its value, and what would be right.
    public init(_ arguments: [String], environment: [String]) throws(OverlayError) {
        let flags: DaemonFlags
        do {
            let spelling = try DaemonFlags.spelling.canonical(arguments, environment: environment)
            flags = try DaemonFlags.parse(spelling)
        } catch let failure as FlagSpelling.Failure {
            throw OverlayError(.option, failure.description)
        } catch {
            throw OverlayError(.option, DaemonFlags.message(for: error), advice: "flanneld --help lists all flags")
        }
        try self.init(flags, environment, isEtcdGiven: Self.namesEtcd(arguments, environment))
    }

    private init(_ flags: DaemonFlags, _ environment: [String], isEtcdGiven: Bool) throws(OverlayError) {
        store = try Self.store(flags, environment, isEtcdGiven: isEtcdGiven)
        uplink = UplinkSelection()
        uplink.interfaces = flags.iface
        uplink.patterns = flags.ifaceRegex
        for pattern in uplink.patterns { _ = try UplinkSelection.expression(pattern) }
        uplink.reachable = try Self.address(flags.ifaceCanReach, "iface-can-reach")
        uplink.publicAddresses = PerFamily(
            v4: try Self.publicAddress(flags.publicIp, "public-ip", .v4),
            v6: try Self.publicAddress(flags.publicIpv6, "public-ipv6", .v6)
        )
        subnetFile = try Self.absolute(flags.subnetFile, "subnet-file")
        networkListDirectory =
            flags.cniConfDir.isEmpty ? "" : try Self.absolute(flags.cniConfDir, "cni-conf-dir")
        networkListTemplate =
            flags.cniConfTemplate.isEmpty ? "" : try Self.absolute(flags.cniConfTemplate, "cni-conf-template")
        masquerades = flags.ipMasq
        randomizesPorts = !flags.ipMasqFullyRandomDisable
        grantsForwarding = flags.iptablesForwardRules
        dropsUnclaimed = flags.ipBlackholeRoute
        guard let health = try Self.address(flags.healthzIp, "healthz-ip") else {
            throw OverlayError(.option, "--healthz-ip is empty", advice: "write 0.0.0.0 for all addresses")
        }
        healthAddress = health
        guard let port = UInt16(exactly: flags.healthzPort) else {
            throw OverlayError(
                .option,
                "--healthz-port \(flags.healthzPort) is no port",
                advice: "1 to 65535, or 0 for none"
            )
        }
        healthPort = port
        guard (1...1439).contains(flags.subnetLeaseRenewMargin) else {
            throw OverlayError(
                .option,
                "--subnet-lease-renew-margin \(flags.subnetLeaseRenewMargin) is out of range",
                advice: "minutes from 1 to 1439, less than the day a lease is valid for"
            )
        }
        renewalMargin = flags.subnetLeaseRenewMargin
        guard (4...31_536_000).contains(flags.leaseTtl) else {
            throw OverlayError(
                .option,
                "--lease-ttl \(flags.leaseTtl) is out of range",
                advice: "seconds from 4 to 31536000; a day, 86400, is the default"
            )
        }
        leaseTimeToLive = flags.leaseTtl
        stateDirectory = try Self.absolute(flags.stateDirectory, "state-dir")
        log = try LogOptions(format: flags.logFormat, verbosity: flags.verbosity)
    }

    private static func store(
        _ flags: DaemonFlags,
        _ environment: [String],
        isEtcdGiven: Bool
    ) throws(OverlayError) -> Store {
        if flags.kubeSubnetMgr { return .kubernetes(try kubernetes(flags, environment)) }
        if isEtcdGiven {
            let endpoints = flags.etcdEndpoints.split(separator: ",").map(String.init)
            for endpoint in endpoints where !endpoint.hasPrefix("http://") && !endpoint.hasPrefix("https://") {
                throw OverlayError(
                    .option,
                    "--etcd-endpoints: \"\(endpoint)\" is no address of etcd",
                    advice: "write http://HOST:PORT or https://HOST:PORT, separated by commas"
                )
            }
            if flags.etcdCertfile.isEmpty != flags.etcdKeyfile.isEmpty {
                throw OverlayError(
                    .option,
                    "--etcd-certfile and --etcd-keyfile belong together, and only one is given"
                )
            }
            return .etcd(
                EtcdOptions(
                    endpoints: endpoints,
                    prefix: flags.etcdPrefix,
                    authority: flags.etcdCafile,
                    certificate: flags.etcdCertfile,
                    key: flags.etcdKeyfile,
                    username: flags.etcdUsername,
                    password: flags.etcdPassword
                )
            )
        }
        let scheme = "file://"
        guard flags.store.hasPrefix(scheme), flags.store.dropFirst(scheme.utf8.count).hasPrefix("/") else {
            throw OverlayError(
                .option,
                "--store \"\(flags.store)\" is no store",
                advice: "write file:///DIRECTORY, or use --kube-subnet-mgr or --etcd-endpoints"
            )
        }
        return .directory(String(flags.store.dropFirst(scheme.utf8.count)))
    }

    /// Any flag or variable of etcd's selects it, as in flannel, where it is the default.
    private static func namesEtcd(_ arguments: [String], _ environment: [String]) -> Bool {
        arguments.contains { $0.drop { $0 == "-" }.hasPrefix("etcd-") && $0.hasPrefix("-") }
            || environment.contains { entry in
                // An empty variable is none.
                entry.hasPrefix("FLANNELD_ETCD_") && entry.split(separator: "=", maxSplits: 1).count == 2
            }
    }

    private static func address(
        _ text: String,
        _ flag: String,
        _ family: AddressFamily? = nil
    ) throws(OverlayError) -> IPAddress? {
        if text.isEmpty { return nil }
        guard let address = IPAddress(text), family == nil || address.family == family else {
            throw OverlayError(
                .option,
                "--\(flag) \"\(text)\" is no \(family.map { "\($0) " } ?? "")address",
                advice: family == .v6 ? "write one like 2001:db8::1" : "write one like 192.0.2.1"
            )
        }
        return address
    }

    /// An address that other nodes can send to.
    private static func publicAddress(
        _ text: String,
        _ flag: String,
        _ family: AddressFamily
    ) throws(OverlayError) -> IPAddress? {
        guard let address = try Self.address(text, flag, family) else { return nil }
        let fault: String? =
            if address.isUnspecified {
                "no station's address"
            } else if address.isLoopback {
                "a loopback address"
            } else if address.isMulticast {
                "a multicast address"
            } else if family == .v6, address.isLinkLocal {
                "a link-local address"
            } else {
                nil
            }
        guard let fault else { return address }
        throw OverlayError(
            .option,
            "--\(flag) \(text) is \(fault)",
            advice: "other nodes could not send to it; write one like \(family == .v6 ? "2001:db8::1" : "192.0.2.1")"
        )
    }

    /// A path that does not depend on where the daemon is started.
    static func absolute(_ path: String, _ flag: String) throws(OverlayError) -> String {
        guard path.hasPrefix("/") else {
            throw OverlayError(.option, "--\(flag) \"\(path)\" is no absolute path")
        }
        return path
    }
}
