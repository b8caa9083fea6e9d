// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

/// What a service account may ask for, as a manifest's roles say.
struct Permissions: Sendable {
    private struct Rule: Sendable {
        let groups: Set<String>
        let resources: Set<String>
        let verbs: Set<String>
    }

    private let rules: [Rule]

    /// The rules of all roles that a manifest binds to the service account of its DaemonSet.
    init(_ manifest: Manifest) throws {
        let workload = try manifest.only("DaemonSet")
        let account = workload["spec"]?["template"]?["spec"]?["serviceAccountName"]?.value
        let namespace = workload["metadata"]?["namespace"]?.value
        let bindings = manifest.all("ClusterRoleBinding").filter { binding in
            ((try? binding["subjects"]?.elements()) ?? []).contains { subject in
                subject["kind"]?.value == "ServiceAccount" && subject["name"]?.value == account
                    && subject["namespace"]?.value == namespace
            }
        }
        let names = Set(bindings.compactMap { $0["roleRef"]?["name"]?.value })
        var rules: [Rule] = []
        for role in manifest.all("ClusterRole") where names.contains(role["metadata"]?["name"]?.value ?? .null) {
            for rule in try role.requiredMember("rules").elements() where rule["resourceNames"] == nil {
                rules.append(
                    Rule(
                        groups: Set(try rule.requiredMember("apiGroups").strings()),
                        resources: Set(try rule.requiredMember("resources").strings()),
                        verbs: Set(try rule.requiredMember("verbs").strings())
                    )
                )
            }
        }
        self.rules = rules
    }

    /// Whether a request is permitted.
    func allow(_ kind: RequestKind) -> Bool {
        let (verb, resource) = kind.access
        // All that is asked for is of the core group, whose name is empty.
        return rules.contains { rule in
            rule.groups.contains("") && rule.resources.contains(resource) && rule.verbs.contains(verb)
        }
    }
}

extension RequestKind {
    /// What the API asks its roles about.
    var access: (verb: String, resource: String) {
        switch self {
        case .list: ("list", "nodes")
        case .watch: ("watch", "nodes")
        case .get: ("get", "nodes")
        case .patchStatus: ("patch", "nodes/status")
        case .getPod: ("get", "pods")
        case .createEvent: ("create", "events")
        case .patchEvent: ("patch", "events")
        }
    }
}
