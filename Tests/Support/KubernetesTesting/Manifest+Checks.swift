// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

extension Manifest {
    /// What is wrong with the manifest; each complaint begins with the place.
    ///
    /// - Parameter others: Objects that are in the cluster already.
    public func complaints(beside others: Manifest? = nil) -> [String] {
        var complaints: [String] = []
        for object in objects {
            let (version, kind) = (object["apiVersion"]?.value.string ?? "", object["kind"]?.value.string ?? "")
            guard let type = FieldType.kind(version, kind) else {
                complaints.append("\(object.path): there is no \(kind) in \(version)")
                continue
            }
            complaints += type.complaints(about: object)
        }
        // Whether one refers to another can be said only of what is well formed.
        guard complaints.isEmpty else { return complaints }
        return referenceComplaints(objects + (others?.objects ?? []))
    }

    private func referenceComplaints(_ cluster: [JSONNode]) -> [String] {
        var complaints: [String] = []
        func require(_ kind: String, _ name: JSONNode?, in namespace: JSONNode?) {
            guard let name else { return }
            let isThere = cluster.contains { object in
                object["kind"]?.value == .string(kind) && object["metadata"]?["name"]?.value == name.value
                    && (namespace == nil || object["metadata"]?["namespace"]?.value == namespace?.value)
            }
            if !isThere { complaints.append("\(name.path): there is no such \(kind)") }
        }
        for object in objects {
            let namespace = object["metadata"]?["namespace"]
            require("Namespace", namespace, in: nil)
            switch object["kind"]?.value.string {
            case "ClusterRoleBinding":
                require("ClusterRole", object["roleRef"]?["name"], in: nil)
                for subject in (try? object["subjects"]?.elements()) ?? [] {
                    require("ServiceAccount", subject["name"], in: subject["namespace"])
                }
            case "DaemonSet":
                let pod = object["spec"]?["template"]?["spec"]
                require("ServiceAccount", pod?["serviceAccountName"], in: namespace)
                for volume in (try? pod?["volumes"]?.elements()) ?? [] {
                    require("ConfigMap", volume["configMap"]?["name"], in: namespace)
                }
                complaints += Self.workloadComplaints(object)
            default: break
            }
        }
        return complaints
    }

    /// What the API refuses of a workload although each of its fields is right.
    private static func workloadComplaints(_ object: JSONNode) -> [String] {
        var complaints: [String] = []
        let labels = object["spec"]?["template"]?["metadata"]?["labels"]?.value.object
        for (name, value) in (object["spec"]?["selector"]?["matchLabels"]?.value.object?.members ?? []).map({
            ($0.key, $0.value)
        }) where labels?[name] != value {
            complaints.append("\(object.path).spec.selector: the template has no label \(name) of that value")
        }
        let pod = object["spec"]?["template"]?["spec"]
        let volumes = Set(((try? pod?["volumes"]?.elements()) ?? []).compactMap { $0["name"]?.value.string })
        var used: Set<String> = []
        for list in ["initContainers", "containers"] {
            for container in (try? pod?[list]?.elements()) ?? [] {
                for mount in (try? container["volumeMounts"]?.elements()) ?? [] {
                    guard let name = mount["name"]?.value.string else { continue }
                    used.insert(name)
                    if !volumes.contains(name) { complaints.append("\(mount.path).name: there is no volume \(name)") }
                }
            }
        }
        return complaints + volumes.subtracting(used).sorted().map { "\(object.path): volume \($0) is not used" }
    }
}
