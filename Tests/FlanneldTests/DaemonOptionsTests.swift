// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import Overlay
import Testing

@testable import Flanneld

/// What flannel's users write on the command line and in the environment.
@Suite struct `Options of the daemon` {
    private func options(_ arguments: String..., environment: [String] = []) throws -> DaemonOptions {
        try DaemonOptions(arguments, environment: environment)
    }

    private func complaint(_ arguments: String..., environment: [String] = []) -> String {
        do { return "accepted: \(try DaemonOptions(arguments, environment: environment))" } catch {
            return error.description
        }
    }

    @Test func `without any the store is a directory and the rest as flannel has it`() throws {
        let options = try options()
        #expect(options.store == .directory("/var/lib/flannel/network"))
        #expect(options.subnetFile == "/run/flannel/subnet.env")
        #expect(options.networkListDirectory == "/etc/cni/net.d")
        #expect(!options.masquerades)
        #expect(options.randomizesPorts)
        #expect(options.grantsForwarding)
        #expect(options.healthPort == 0)
        #expect(options.renewalMargin == 60)
        #expect(options.leaseTimeToLive == 86_400)
        #expect(try self.options("-lease-ttl=30").leaseTimeToLive == 30)
    }

    @Test(arguments: ["-ip-masq", "--ip-masq", "--ip-masq=true", "-ip-masq=1", "--ip-masq=T"])
    func `a boolean has one dash or two, and a value or none`(spelling: String) throws {
        #expect(try options(spelling).masquerades)
        #expect(try options("--healthz-port", "8081", spelling, "-iface", "eth0").masquerades)
    }

    @Test(arguments: ["--ip-masq=false", "-ip-masq=0", "--ip-masq=F"])
    func `a boolean can be switched off`(spelling: String) throws {
        #expect(try !options(spelling, environment: ["FLANNELD_IP_MASQ=true"]).masquerades)
    }

    @Test func `the environment counts where the command line is silent`() throws {
        let environment = [
            "FLANNELD_IP_MASQ=true", "FLANNELD_IFACE=eth9", "FLANNELD_SUBNET_FILE=/run/other/subnet.env", "PATH=/bin",
            "FLANNELD_PUBLIC_IPV6=2001:db8::7", "FLANNELD_UNKNOWN=1",
        ]
        let options = try options("--iface", "eth0", "--iface=eth1", environment: environment)
        #expect(options.masquerades)
        #expect(options.uplink.interfaces == ["eth0", "eth1"])
        #expect(options.subnetFile == "/run/other/subnet.env")
        #expect(options.uplink.publicAddresses.v6 == IPAddress("2001:db8::7"))
        #expect(options.uplink.publicAddresses.v4 == nil)
    }

    @Test func `a public address that means nothing on other links is refused`() throws {
        let error = #expect(throws: OverlayError.self) { try options("--public-ipv6", "fe80::1") }
        #expect(error?.message.contains("--public-ipv6 fe80::1") == true)
        #expect(try options("--public-ip", "169.254.1.1").uplink.publicAddresses.v4 == IPAddress("169.254.1.1"))
    }

    @Test(arguments: [["--cni-conf-dir", ""], ["--cni-conf-dir="], ["-cni-conf-dir="]])
    func `an empty value on the command line switches off`(arguments: [String]) throws {
        let environment = ["FLANNELD_CNI_CONF_DIR=/run/cni", "FLANNELD_IFACE=", "FLANNELD_IP_MASQ="]
        let options = try DaemonOptions(arguments, environment: environment)
        #expect(options.networkListDirectory == "")
        #expect(options.uplink.interfaces == [])
        #expect(!options.masquerades)
    }

    @Test(arguments: [
        (["--etcd-prefix", "/cluster"], []), (["-etcd-prefix=/cluster"], []), ([], ["FLANNELD_ETCD_PREFIX=/cluster"]),
    ])
    func `any of etcd's options selects etcd`(arguments: [String], environment: [String]) throws {
        guard case .etcd(let etcd) = try DaemonOptions(arguments, environment: environment).store else {
            Issue.record("not etcd")
            return
        }
        #expect(etcd.prefix == "/cluster")
        #expect(etcd.endpoints == ["http://127.0.0.1:4001", "http://127.0.0.1:2379"])
    }

    @Test func `an empty variable of etcd's selects nothing`() throws {
        #expect(try options(environment: ["FLANNELD_ETCD_CAFILE=", "FLANNELD_ETCD_PREFIX="]).store == options().store)
    }

    @Test func `how it logs is flannel's flag and one of ours`() throws {
        let usual = try options().log
        #expect(!usual.isJSON && !usual.isVerbose)
        let changed = try options("--log-format", "json", "-v=4", "--vmodule=x=1", "--iptables-resync", "30").log
        #expect(changed.isJSON && changed.isVerbose)
    }

    @Test(arguments: [
        ("--ip-masq=maybe", "neither true nor false"), ("--store=/var/lib/flannel", "file:///"),
        ("--store=file://relative", "file:///"), ("--healthz-port=65536", "1 to 65535"),
        ("--healthz-port=-1", "1 to 65535"), ("--healthz-port=http", "healthz-port"),
        ("--healthz-ip=localhost", "192.0.2.1"), ("--healthz-ip=", "--healthz-ip"),
        ("--subnet-lease-renew-margin=1440", "1 to 1439"), ("--public-ip=2001:db8::1", "IPv4"),
        ("--public-ipv6=192.0.2.1", "2001:db8::1"), ("--iface-can-reach=gateway", "iface-can-reach"),
        ("--subnet-file=subnet.env", "absolute"), ("--etcd-endpoints=127.0.0.1:2379", "http://HOST:PORT"),
        ("--etcd-certfile=/etc/etcd.crt", "belong together"), ("--no-such-flag", "no-such-flag"),
        ("--no-such-flag", "flanneld --help"), ("word", "flanneld --help"),
        ("--iface", "--iface needs a value"), ("--log-format=xml", "text or json"), ("--state-dir=here", "absolute"),
        ("--lease-ttl=3", "from 4 to"), ("--lease-ttl=31536001", "from 4 to"), ("--lease-ttl=day", "lease-ttl"),
        ("--iface-regex=[", "--iface-regex \"[\""), ("--iface-regex=[", "write ^eth"),
        ("--public-ip=0.0.0.0", "--public-ip 0.0.0.0"), ("--public-ip=127.0.0.1", "loopback"),
        ("--public-ip=224.0.0.1", "multicast"), ("--public-ipv6=::", "--public-ipv6 ::"),
        ("--public-ipv6=::1", "2001:db8::1"), ("--public-ipv6=ff02::1", "multicast"),
    ])
    func `what is wrong is named with what would be right`(argument: String, words: String) {
        let complaint = complaint(argument)
        #expect(complaint.contains(words), "\(complaint)")
        #expect(!complaint.hasPrefix("accepted"))
    }
}
