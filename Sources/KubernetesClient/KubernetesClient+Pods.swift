// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import JSON

extension KubernetesClient {
    /// The name of the node that a pod runs on; nil when the pod does not exist, or has no node yet.
    public func nodeName(ofPod name: String, namespace: String) async throws(KubernetesError) -> String? {
        let path = "/api/v1/namespaces/\(namespace.percentEncoded)/pods/\(name.percentEncoded)"
        let answer: Answer
        do throws(KubernetesError) { answer = try await send(Request(path: path)) } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
        return try reading { () throws(JSONError) in
            let pod = JSONNode(try JSONValue(parsing: answer.body))
            let node = try pod.requiredMember("spec").member("nodeName")?.string()
            return node?.isEmpty == true ? nil : node
        }
    }
}
