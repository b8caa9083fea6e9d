// swift-cni, SPDX-License-Identifier: Apache-2.0

// Written from the API reference: the kinds of objects that manifests here consist of.
extension FieldType {
    /// The kinds by `apiVersion/kind`.
    static func kind(_ version: String, _ kind: String) -> FieldType? {
        switch "\(version)/\(kind)" {
        case "v1/Namespace": namespace
        case "v1/ServiceAccount": serviceAccount
        case "v1/ConfigMap": configMap
        case "rbac.authorization.k8s.io/v1/ClusterRole": clusterRole
        case "rbac.authorization.k8s.io/v1/ClusterRoleBinding": clusterRoleBinding
        case "apps/v1/DaemonSet": daemonSet
        default: nil
        }
    }

    /// An object of a kind.
    ///
    /// - Parameter required: Its own fields, beside those that all objects have.
    static func kind(
        _ version: String,
        _ kind: String,
        _ required: [String: FieldType] = [:],
        optional: [String: FieldType] = [:],
        isInNamespace: Bool = true
    ) -> FieldType {
        var metadata: [String: FieldType] = ["name": .matching(.subdomain)]
        // The one that the caller happens to use is never meant.
        if isInNamespace { metadata["namespace"] = .matching(.label) }
        var all = required
        all["apiVersion"] = .oneOf([version])
        all["kind"] = .oneOf([kind])
        all["metadata"] = .fields(
            metadata,
            optional: ["labels": .map(.matching(.labelValue)), "annotations": .map(.text)]
        )
        return .fields(all, optional: optional)
    }

    private static var namespace: FieldType {
        kind(
            "v1",
            "Namespace",
            optional: ["spec": .fields(optional: ["finalizers": .list(.text)])],
            isInNamespace: false
        )
    }

    private static var serviceAccount: FieldType {
        kind(
            "v1",
            "ServiceAccount",
            optional: [
                "automountServiceAccountToken": .boolean,
                "imagePullSecrets": .list(.fields(["name": .matching(.subdomain)])),
            ]
        )
    }

    private static var configMap: FieldType {
        kind("v1", "ConfigMap", optional: ["data": .map(.text), "binaryData": .map(.text), "immutable": .boolean])
    }

    private static var clusterRole: FieldType {
        kind(
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            [
                "rules": .list(
                    .fields(
                        [
                            "verbs": .list(
                                .oneOf([
                                    "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection",
                                ])
                            )
                        ],
                        optional: [
                            "apiGroups": .list(.text), "resources": .list(.text), "resourceNames": .list(.text),
                            "nonResourceURLs": .list(.text),
                        ]
                    )
                )
            ],
            isInNamespace: false
        )
    }

    private static var clusterRoleBinding: FieldType {
        kind(
            "rbac.authorization.k8s.io/v1",
            "ClusterRoleBinding",
            [
                "roleRef": .fields([
                    "apiGroup": .oneOf(["rbac.authorization.k8s.io"]), "kind": .oneOf(["ClusterRole"]),
                    "name": .matching(.subdomain),
                ])
            ],
            optional: [
                "subjects": .list(
                    .fields(
                        ["kind": .oneOf(["ServiceAccount", "User", "Group"]), "name": .text],
                        optional: ["namespace": .matching(.label), "apiGroup": .text]
                    )
                )
            ],
            isInNamespace: false
        )
    }
}
