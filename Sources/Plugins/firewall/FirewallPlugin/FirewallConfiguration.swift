// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import CNIPlugin
internal import ContainerNetwork
internal import ForeignForwarding
internal import JSON

/// The keys of a firewall's configuration, validated.
struct FirewallConfiguration {
    /// `ingressPolicy`: who may reach the containers of the network.
    enum IngressPolicy: String, CaseIterable {
        /// Whom the host's own rules let.
        case open
        /// Besides, nobody from other networks that have a policy.
        case sameBridge = "same-bridge"
        /// Besides, no container of the same network.
        case isolated
    }

    /// `ingressPolicy`.
    let ingressPolicy: IngressPolicy
    /// `iptablesAdminChainName`: the chain, kept by the administrator, that comes before ours.
    let adminChain: String
    /// `forwardMarkBit` as a bit: what says in a packet's mark that it is accepted.
    let markBit: UInt32
    /// `backend` asks for iptables.
    let prefersIptables: Bool
    /// `firewalldZone`, which has no meaning here.
    let zone: String?

    /// - Throws: ``CNIError`` with code 7 for what can never work, 2 for what is not served.
    init(_ configuration: NetworkConfiguration) throws(CNIError) {
        let root = configuration.root
        if let backend = root["backend"], backend.value == "firewalld" {
            throw CNIError(
                .unsupportedField,
                "network configuration: backend: \"firewalld\" is not served",
                details:
                    "leave backend out: the rules stand beside firewalld's; if firewalld drops forwarded packets, run: "
                    + "firewall-cmd --permanent --zone=trusted --add-source=<the containers' subnet>"
            )
        }
        do throws(JSONError) {
            prefersIptables = try RulesetBackend(root["backend"]) == .iptables
            let policy = try root["ingressPolicy"]?.string() ?? ""
            guard let known = policy.isEmpty ? .open : IngressPolicy(rawValue: policy) else {
                let names = IngressPolicy.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
                throw JSONError(at: "ingressPolicy", "is \"\(policy)\", must be one of \(names)")
            }
            ingressPolicy = known
            let chain = try root["iptablesAdminChainName"]?.string() ?? ""
            adminChain = chain.isEmpty ? "CNI-ADMIN" : chain
            if let problem = Self.problem(withChain: adminChain) {
                throw JSONError(at: "iptablesAdminChainName", "is \"\(adminChain)\", \(problem)")
            }
            let bit = try root["forwardMarkBit"]?.integer(in: 0...31) ?? 12
            guard ![13, 14, 15].contains(bit) else {
                throw JSONError(
                    at: "forwardMarkBit",
                    "is \(bit), which port maps or Kubernetes use; must be 0 to 12 or 16 to 31"
                )
            }
            markBit = 1 << UInt32(bit)
            zone = try root["firewalldZone"]?.string()
        } catch { throw CNIError(error) }
    }

    /// What iptables says of a chain's name.
    private static func problem(withChain name: String) -> String? {
        if name.utf8.count > 28 { return "must have at most 28 characters" }
        if name == ForeignForwardChain.name { return "which is the plugin's own chain" }
        let hooks = ["FORWARD", "INPUT", "OUTPUT", "PREROUTING", "POSTROUTING"]
        if hooks.contains(name) { return "which is a hook's own chain; must be one that rules can lead to" }
        let isPlain = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } && !name.hasPrefix("-") && !name.hasPrefix("!")
        return isPlain ? nil : "must be a name that iptables takes"
    }
}
