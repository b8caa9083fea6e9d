// swift-cni, SPDX-License-Identifier: Apache-2.0

public import JSON

/// Nodes as a kubelet writes them.
public enum NodeDocument {
    /// A node.
    ///
    /// - Parameter images: How many images it says it has, each of about 150 bytes.
    public static func make(
        _ name: String,
        uid: String? = nil,
        podCIDRs: [String] = [],
        addresses: [String] = [],
        annotations: [String: String] = [:],
        images: Int = 0
    ) -> JSONValue {
        var spec = JSONObject()
        if let first = podCIDRs.first {
            spec["podCIDR"] = .string(first)
            spec["podCIDRs"] = .strings(podCIDRs)
        }
        let given = annotations.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }
        let fields: JSONValue = ["f:metadata": ["f:annotations": [".": [:], "f:volumes.example.org/attach": [:]]]]
        return [
            "apiVersion": "v1", "kind": "Node",
            "metadata": [
                "name": .string(name), "uid": .string(uid ?? "uid-of-\(name)"),
                "creationTimestamp": "2026-11-01T12:00:00Z",
                "labels": ["kubernetes.io/hostname": .string(name), "kubernetes.io/os": "linux"],
                "annotations": .object(JSONObject([("volumes.example.org/attach", "true")] + given)),
                "managedFields": [["manager": "kubelet", "operation": "Update", "fieldsV1": fields]],
            ],
            "spec": .object(spec),
            "status": [
                "addresses": .array(
                    addresses.map { ["type": "InternalIP", "address": .string($0)] }
                        + [["type": "Hostname", "address": .string(name)]]
                ),
                "capacity": ["cpu": "8", "memory": "32880476Ki", "pods": "110"],
                "conditions": [
                    condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                    condition("Ready", "True", "KubeletReady"),
                ],
                "images": .array((0..<images).map(image)),
                "nodeInfo": ["kubeletVersion": "v1.34.1", "osImage": "Debian \"12\" \\ bookworm }]"],
            ],
        ]
    }

    private static func condition(_ type: String, _ status: String, _ reason: String) -> JSONValue {
        [
            "type": .string(type), "status": .string(status), "reason": .string(reason),
            "message": "kubelet says so", "lastHeartbeatTime": "2026-11-01T12:00:00Z",
            "lastTransitionTime": "2026-11-01T12:00:00Z",
        ]
    }

    private static func image(_ number: Int) -> JSONValue {
        let digest = String(repeating: "0123456789abcdef", count: 4)
        return [
            "names": [.string("registry.example.org/a@sha256:\(digest)"), .string("registry.example.org/a:\(number)")],
            "sizeBytes": .integer(Int64(1_000_000 + number)),
        ]
    }
}
