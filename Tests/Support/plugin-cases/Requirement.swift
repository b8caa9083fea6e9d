// swift-cni, SPDX-License-Identifier: Apache-2.0

/// What a case can require of the kernel, and how the witnesses find out whether it is there.
struct Requirement {
    /// As a case names it.
    let name: String
    /// A script that succeeds where the kernel has it.
    let probe: String

    /// Where Debian's plugins are, whose state ours take over.
    static var reference: String { "/usr/lib/cni" }

    /// All that cases can name.
    static var all: [Requirement] {
        [
            Requirement(
                name: "bridge-vlan-filtering",
                probe: "ip link add probe0 type bridge vlan_filtering 1; bridge vlan add dev probe0 vid 2 self"
            ),
            Requirement(
                name: "no-bridge-vlan-filtering",
                probe: "! ip link add probe0 type bridge vlan_filtering 1"
            ),
            Requirement(name: "bridge", probe: "ip link add probe0 type bridge"),
            Requirement(name: "dummy", probe: "ip link add probe0 type dummy"),
            Requirement(name: "vlan", probe: "ip link add probe0 type veth; ip link add link probe0 type vlan id 2"),
            Requirement(name: "iptables", probe: "iptables -L -n; ip6tables -L -n"),
            Requirement(
                name: "reference",
                probe: "iptables -L -n; for i in bridge portmap firewall; do test -x \(reference)/$i; done"
            ),
        ]
    }

    /// The names of requirements that this kernel does not meet.
    static func missing(tools: Tools) throws(CaseError) -> Set<String> {
        var missing: Set<String> = []
        for requirement in all {
            let sandbox = try Sandbox(tools: tools)
            do throws(CaseError) { try sandbox.shell(requirement.probe, in: .host) } catch {
                missing.insert(requirement.name)
            }
        }
        return missing
    }
}
