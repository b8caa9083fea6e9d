// swift-cni, SPDX-License-Identifier: Apache-2.0

import JSON

/// Valid input, from which mutations start: what each plugin understands occurs somewhere.
struct MutationBase {
    /// The plugin.
    let plugin: String
    /// Its configuration.
    let configuration: JSONValue
    /// The verbs asked, as often as listed.
    let verbs: [String]

    /// All bases.
    static var all: [MutationBase] {
        let versions = ["0.1.0", "0.2.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]
        let verbs = ["ADD", "ADD", "ADD", "DEL", "CHECK", "STATUS", "GC", "VERSION"]
        var bases: [MutationBase] = []
        for version in versions {
            bases.append(MutationBase(plugin: "bridge", configuration: routed(version), verbs: verbs))
            bases.append(MutationBase(plugin: "bridge", configuration: switched(version), verbs: verbs))
            bases.append(MutationBase(plugin: "host-local", configuration: ranges(version), verbs: verbs))
            bases.append(MutationBase(plugin: "host-local", configuration: legacyRange(version), verbs: verbs))
            bases.append(MutationBase(plugin: "loopback", configuration: loopback(version), verbs: verbs))
            bases.append(MutationBase(plugin: "flannel", configuration: overlay(version), verbs: verbs))
        }
        return bases
    }

    /// A list for cnitool with all plugins.
    static var list: JSONValue {
        [
            "cniVersion": "1.0.0", "cniVersions": ["1.0.0", "1.1.0"], "name": "pods", "disableCheck": false,
            "disableGC": "false", "loadOnlyInlinedPlugins": false,
            "plugins": [routed("1.0.0"), ["type": "loopback", "capabilities": ["portMappings": true]]],
        ]
    }

    private static func routed(_ version: String) -> JSONValue {
        [
            "cniVersion": .string(version), "name": "pods", "type": "bridge", "bridge": "cni-test0", "isGateway": true,
            "isDefaultGateway": true, "forceAddress": false, "mtu": 1400, "hairpinMode": true, "promiscMode": false,
            "portIsolation": false, "enabledad": false, "disableContainerInterface": false,
            "capabilities": ["ips": true, "mac": true], "dns": ["nameservers": ["10.80.0.1"], "search": ["a.example"]],
            "args": ["cni": ["ips": ["10.80.0.77"], "mac": "02:11:22:33:44:55"]],
            "runtimeConfig": ["mac": "02:11:22:33:44:66", "ips": ["fd00:80::77/64"]],
            "ipam": [
                "type": "host-local", "dataDir": "/var/lib/cni/networks",
                "routes": [
                    ["dst": "0.0.0.0/0"], ["dst": "fd00:81::/64", "gw": "fd00:80::1", "mtu": 1300, "priority": 10],
                    ["dst": "10.99.0.0/16", "gw": "10.80.0.1", "advmss": 1200, "table": 254, "scope": 0],
                ],
                "ranges": [
                    [["subnet": "10.80.0.0/24", "rangeStart": "10.80.0.10", "rangeEnd": "10.80.0.200"]],
                    [["subnet": "fd00:80::/64", "gateway": "fd00:80::1"]],
                ],
                "exclude": ["10.80.0.20", "10.80.0.32/28"],
            ],
            "prevResult": result(version), "cni.dev/valid-attachments": [["containerID": "a", "ifname": "eth0"]],
        ]
    }

    private static func switched(_ version: String) -> JSONValue {
        [
            "cniVersion": .string(version), "name": "layer2", "type": "bridge", "bridge": "cni-test1", "vlan": 0,
            "vlanTrunk": [], "preserveDefaultVlan": true, "hairpinMode": false, "promiscMode": true,
            "ipam": .object(JSONObject()),
            "macspoofchk": false, "ipMasq": false, "cni.dev/valid-attachments": [],
        ]
    }

    private static func ranges(_ version: String) -> JSONValue {
        [
            "cniVersion": .string(version), "name": "pods", "type": "bridge",
            "ipam": [
                "type": "host-local", "dataDir": "/var/lib/cni/networks", "resolvConf": "/etc/resolv.conf",
                "routes": [["dst": "0.0.0.0/0", "gw": "10.80.0.1"]],
                "ranges": [
                    [
                        ["subnet": "10.80.0.0/24", "rangeStart": "10.80.0.10", "rangeEnd": "10.80.0.20"],
                        ["subnet": "10.80.1.0/24", "gateway": "10.80.1.1"],
                    ], [["subnet": "fd00:80::/64"]],
                ],
                "exclude": ["10.80.0.12"],
            ],
            "runtimeConfig": ["ipRanges": [[["subnet": "10.80.2.0/24"]]], "ips": ["10.80.0.15"]],
            "args": ["cni": ["ips": ["fd00:80::5"]]],
            "cni.dev/valid-attachments": [["containerID": "a", "ifname": "eth0"]],
        ]
    }

    private static func legacyRange(_ version: String) -> JSONValue {
        [
            "cniVersion": .string(version), "name": "old", "type": "host-local",
            "ipam": [
                "type": "host-local", "subnet": "10.80.0.0/16", "rangeStart": "10.80.4.1", "rangeEnd": "10.80.4.9",
                "gateway": "10.80.255.254", "routes": [["dst": "10.0.0.0/8"]],
            ],
        ]
    }

    private static func overlay(_ version: String) -> JSONValue {
        [
            "cniVersion": .string(version), "name": "overlay", "type": "flannel",
            "subnetFile": .string(ConfinedHost.subnetFile), "dataDir": .string(ConfinedHost.savedDirectory),
            "delegate": ["type": "bridge", "bridge": "cni-test2", "hairpinMode": true, "isDefaultGateway": true],
            "ipam": ["type": "host-local", "routes": [["dst": "10.99.0.0/16", "gw": "10.244.1.1"]]],
            "runtimeConfig": ["mac": "02:11:22:33:44:77", "ips": ["10.244.1.77"]],
            "prevResult": result(version), "cni.dev/valid-attachments": [["containerID": "a", "ifname": "eth0"]],
        ]
    }

    private static func loopback(_ version: String) -> JSONValue {
        [
            "cniVersion": .string(version), "name": "lo", "type": "loopback", "prevResult": result(version),
            "cni.dev/valid-attachments": [],
        ]
    }

    private static func result(_ version: String) -> JSONValue {
        if version < "0.3.0" {
            return [
                "cniVersion": .string(version), "ip4": ["ip": "10.80.0.11/24", "gateway": "10.80.0.1"],
                "dns": .object(JSONObject()),
            ]
        }
        return [
            "cniVersion": .string(version),
            "interfaces": [
                ["name": "cni-test0", "mac": "02:00:00:00:00:01"], ["name": "veth0", "mac": "02:00:00:00:00:02"],
                ["name": "eth0", "mac": "02:00:00:00:00:03", "sandbox": "/run/netns/c1"],
            ],
            "ips": [["version": "4", "address": "10.80.0.11/24", "gateway": "10.80.0.1", "interface": 2]],
            "routes": [["dst": "0.0.0.0/0", "gw": "10.80.0.1"]], "dns": ["nameservers": ["10.80.0.1"]],
        ]
    }
}
