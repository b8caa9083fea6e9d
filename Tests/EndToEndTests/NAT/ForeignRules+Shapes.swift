// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses

/// What others write, cut down to what packets of these tests meet.
extension ForeignRules {
    /// Of an administrator.
    static var dropPolicyRules: String {
        """
        *filter
        :INPUT ACCEPT [0:0]
        :FORWARD DROP [0:0]
        :OUTPUT ACCEPT [0:0]
        COMMIT

        """
    }

    /// Of Docker.
    static func dockerRules(_ family: AddressFamily) -> String {
        let container = family == .v4 ? "172.17.0.2" : "fd00:d0c::2"
        let target = family == .v4 ? container : "[\(container)]"
        return """
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD DROP [0:0]
            :OUTPUT ACCEPT [0:0]
            :DOCKER - [0:0]
            :DOCKER-ISOLATION-STAGE-1 - [0:0]
            :DOCKER-ISOLATION-STAGE-2 - [0:0]
            :DOCKER-USER - [0:0]
            -A FORWARD -j DOCKER-USER
            -A FORWARD -j DOCKER-ISOLATION-STAGE-1
            -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            -A FORWARD -o docker0 -j DOCKER
            -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
            -A FORWARD -i docker0 -o docker0 -j ACCEPT
            -A DOCKER -d \(container) ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
            -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
            -A DOCKER-ISOLATION-STAGE-1 -j RETURN
            -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
            -A DOCKER-ISOLATION-STAGE-2 -j RETURN
            -A DOCKER-USER -j RETURN
            COMMIT
            *nat
            :PREROUTING ACCEPT [0:0]
            :INPUT ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            :DOCKER - [0:0]
            -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
            -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
            -A POSTROUTING -s \(container) ! -o docker0 -j MASQUERADE
            -A DOCKER -i docker0 -j RETURN
            -A DOCKER ! -i docker0 -p tcp -m tcp --dport 9999 -j DNAT --to-destination \(target):80
            COMMIT

            """
    }

    /// Of kube-proxy with iptables: a service with one endpoint.
    static func kubeProxyChains(_ family: AddressFamily) -> String {
        let service = serviceAddress(family)
        let endpoint = family == .v4 ? "10.88.0.2" : "fd00:88::2"
        let target = family == .v4 ? endpoint : "[\(endpoint)]"
        // Only IPv4 has a localhost that needs it.
        let guardLocalhost =
            family == .v4
            ? "-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP"
            : ""
        let perTransport = Transport.allCases.map { transport in
            """
            -A KUBE-SERVICES -d \(service) -p \(transport.rawValue) -m \(transport.rawValue) --dport 80 -j KUBE-SVC-WEB
            -A KUBE-NODEPORTS -p \(transport.rawValue) -m \(transport.rawValue) --dport \(nodePort) -j KUBE-EXT-WEB
            -A KUBE-SEP-WEB -p \(transport.rawValue) -m \(transport.rawValue) -j DNAT --to-destination \(target):80
            """
        }
        return """
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :KUBE-FIREWALL - [0:0]
            :KUBE-FORWARD - [0:0]
            -A INPUT -j KUBE-FIREWALL
            -A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
            -A OUTPUT -j KUBE-FIREWALL
            \(guardLocalhost)
            -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
            -A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
            -A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            COMMIT
            *nat
            :PREROUTING ACCEPT [0:0]
            :INPUT ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            :KUBE-EXT-WEB - [0:0]
            :KUBE-MARK-MASQ - [0:0]
            :KUBE-NODEPORTS - [0:0]
            :KUBE-POSTROUTING - [0:0]
            :KUBE-SEP-WEB - [0:0]
            :KUBE-SERVICES - [0:0]
            :KUBE-SVC-WEB - [0:0]
            -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
            -A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
            -A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
            -A KUBE-EXT-WEB -j KUBE-MARK-MASQ
            -A KUBE-EXT-WEB -j KUBE-SVC-WEB
            -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
            -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
            -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
            -A KUBE-POSTROUTING -j MASQUERADE --random-fully
            -A KUBE-SEP-WEB -s \(endpoint) -j KUBE-MARK-MASQ
            \(perTransport.joined(separator: "\n"))
            -A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
            -A KUBE-SVC-WEB -j KUBE-SEP-WEB
            COMMIT

            """
    }

    /// Of kube-proxy with nftables: a service with one endpoint.
    static func kubeProxyTable(_ family: AddressFamily) -> String {
        let word = family == .v4 ? "ip" : "ip6"
        let type = family == .v4 ? "ipv4_addr" : "ipv6_addr"
        let service = serviceAddress(family)
        let endpoint = family == .v4 ? "10.88.0.2" : "fd00:88::2"
        let target = family == .v4 ? "\(endpoint):80" : "[\(endpoint)]:80"
        return """
            table \(word) kube-proxy {
                map service-ips {
                    type \(type) . inet_proto . inet_service : verdict
                    elements = {
                        \(service) . tcp . 80 : goto service-web,
                        \(service) . udp . 80 : goto service-web
                    }
                }
                map service-nodeports {
                    type inet_proto . inet_service : verdict
                    elements = { tcp . \(nodePort) : goto external-web, udp . \(nodePort) : goto external-web }
                }
                chain mark-for-masquerade { meta mark set mark or 0x4000; }
                chain masquerading {
                    meta mark & 0x4000 == 0 return
                    meta mark set mark xor 0x4000
                    masquerade fully-random
                }
                chain endpoint-web {
                    \(word) saddr \(endpoint) jump mark-for-masquerade
                    meta l4proto tcp dnat to \(target)
                    meta l4proto udp dnat to \(target)
                }
                chain service-web { numgen random mod 1 vmap { 0 : goto endpoint-web }; }
                chain external-web { jump mark-for-masquerade; goto service-web; }
                chain services {
                    \(word) daddr . meta l4proto . th dport vmap @service-ips
                    fib daddr type local meta l4proto . th dport vmap @service-nodeports
                }
                chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }
                chain nat-output { type nat hook output priority -100; jump services; }
                chain nat-postrouting { type nat hook postrouting priority srcnat; jump masquerading; }
            }
            """
    }

    /// Of firewalld.
    static var firewalldTable: String {
        """
        table inet firewalld {
            chain mangle_PREROUTING {
                type filter hook prerouting priority mangle + 10
            }
            chain nat_PREROUTING {
                type nat hook prerouting priority dstnat + 10
            }
            chain nat_POSTROUTING {
                type nat hook postrouting priority srcnat + 10
            }
            chain filter_zone_trusted {
                iifname { "cni-one", "cni-two" } accept
                oifname { "cni-one", "cni-two" } accept
            }
            chain filter_INPUT {
                type filter hook input priority filter + 10
                ct state { established, related } accept
                ct status dnat accept
                iifname "lo" accept
                meta l4proto ipv6-icmp accept
                ct state invalid drop
                jump filter_zone_trusted
                tcp dport 22 accept
                reject with icmpx type admin-prohibited
            }
            chain filter_FORWARD {
                type filter hook forward priority filter + 10
                ct state { established, related } accept
                ct status dnat accept
                iifname "lo" accept
                ct state invalid drop
                ip6 daddr { ::/96, ::ffff:0.0.0.0/96 } reject with icmpv6 type addr-unreachable
                jump filter_zone_trusted
                reject with icmpx type admin-prohibited
            }
        }
        """
    }
}
