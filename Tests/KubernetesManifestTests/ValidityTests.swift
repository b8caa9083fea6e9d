// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import KubernetesTesting
internal import Testing

/// The manifests against the tables of fields.
@Suite struct ValidityTests {
    /// A slip, and what is said about it.
    struct Slip: Sendable, CustomTestStringConvertible {
        let from: String
        let to: String
        let complaint: String

        init(_ from: String, _ to: String, _ complaint: String) {
            (self.from, self.to, self.complaint) = (from, to, complaint)
        }

        var testDescription: String { "\(from) -> \(to)".replacing("\n", with: " ") }
    }

    private static let daemon = "DaemonSet.spec.template.spec.containers[0]"
    private static let pod = "DaemonSet.spec.template.spec"

    @Test func `the manifests are what the API takes`() throws {
        let manifest = try Manifest(ofPackage: "swift-cni.yaml")
        #expect(manifest.objects.count == 6)
        #expect(manifest.complaints() == [])
        #expect(try Manifest(ofPackage: "swift-cni-cleanup.yaml").complaints(beside: manifest) == [])
        // Alone it refers to what is not there.
        #expect(try Manifest(ofPackage: "swift-cni-cleanup.yaml").complaints().count == 2)
    }

    @Test(arguments: [
        // Fields that there are not.
        Slip("      hostNetwork: true", "      hostNetworking: true", "\(pod).hostNetworking: there is no such field"),
        Slip(
            "              host: 127.0.0.1\n              path: /healthz",
            "              address: 127.0.0.1\n              path: /healthz",
            "\(daemon).livenessProbe.httpGet.address: there is no such field"
        ),
        Slip(
            "            readOnlyRootFilesystem: true\n            capabilities:\n              drop: [ALL]\n              # Devices",
            "            readonlyRootFilesystem: true\n            capabilities:\n              drop: [ALL]\n              # Devices",
            "\(daemon).securityContext.readonlyRootFilesystem: there is no such field"
        ),
        Slip(
            "            type: DirectoryOrCreate\n        # What must",
            "            kind: DirectoryOrCreate\n        # What must",
            "\(pod).volumes[0].hostPath.kind: there is no such field"
        ),
        Slip("      priorityClassName:", "      priorityClass:", "\(pod).priorityClass: there is no such field"),
        Slip(
            "  name: kube-flannel-cfg\n  namespace: kube-flannel\n",
            "  name: kube-flannel-cfg\n",
            "ConfigMap.metadata.namespace is missing"
        ),
        // In the wrong place.
        Slip("  updateStrategy:", "  strategy:", "DaemonSet.spec.strategy: there is no such field"),
        Slip(
            "          args: [install-cni]",
            "          args: [install-cni]\n          readinessProbe: {exec: {command: [a]}}",
            "\(pod).initContainers[0].readinessProbe: there is no such field"
        ),
        // Wrong types.
        Slip(
            "      hostNetwork: true",
            "      hostNetwork: \"true\"",
            "\(pod).hostNetwork: \"true\" is not true or false"
        ),
        Slip(
            "              port: 8081\n            initial",
            "              port: \"8081\"\n            initial",
            "\(daemon).livenessProbe.httpGet.port: \"8081\" is not a whole number"
        ),
        Slip(
            "            periodSeconds: 30",
            "            periodSeconds: 30s",
            "\(daemon).livenessProbe.periodSeconds: \"30s\" is not a whole number"
        ),
        Slip(
            "          command: [/opt/bin/flanneld]\n          args:\n",
            "          command: /opt/bin/flanneld\n          args:\n",
            "\(daemon).command: \"/opt/bin/flanneld\" is not a list"
        ),
        Slip("            - --healthz-port=8081", "            - 8081", "\(daemon).args[4]: 8081 is not a string"),
        Slip(
            "    k8s-app: flannel\n    # The node's",
            "    k8s-app: true\n    # The node's",
            "Namespace.metadata.labels.k8s-app: true is not a label's value"
        ),
        Slip("      maxUnavailable: 10%", "      maxUnavailable: 10 %", "maxUnavailable: \"10 %\" is not"),
        Slip(
            "              memory: 256Mi",
            "              memory: 256MiB",
            "\(daemon).resources.limits.memory: \"256MiB\" is not an amount"
        ),
        // Words that there are not.
        Slip(
            "add: [NET_ADMIN]",
            "add: [CAP_NET_ADMIN]",
            "\(daemon).securityContext.capabilities.add[0]: \"CAP_NET_ADMIN\" is not one of ALL,"
        ),
        Slip(
            "          type: RuntimeDefault",
            "          type: runtime/default",
            "\(pod).securityContext.seccompProfile.type: \"runtime/default\" is not one of"
        ),
        Slip(
            "                  fieldPath: spec.nodeName",
            "                  fieldPath: spec.node",
            "fieldPath: \"spec.node\" is not one of"
        ),
        Slip(
            "        - operator: Exists",
            "        - operator: Exist",
            "\(pod).tolerations[0].operator: \"Exist\" is not one of Equal, Exists"
        ),
        Slip(
            "    type: RollingUpdate",
            "    type: Rolling",
            "DaemonSet.spec.updateStrategy.type: \"Rolling\" is not one of"
        ),
        Slip(
            "    verbs: [create, patch]",
            "    verbs: [create, update, post]",
            "ClusterRole.rules[3].verbs[2]: \"post\" is not one of"
        ),
        Slip(
            "apiVersion: apps/v1",
            "apiVersion: extensions/v1beta1",
            "DaemonSet: there is no DaemonSet in extensions/v1beta1"
        ),
        // What must be there, and what may be there once.
        Slip(
            "          image: swift-cni.invalid/swift-cni:0.1.0\n          imagePullPolicy: IfNotPresent\n          command: [/opt/bin/flanneld]\n          args:\n",
            "          args:\n",
            "\(daemon).image is missing"
        ),
        Slip(
            "              path: /readyz\n              port: 8081\n",
            "              path: /readyz\n",
            "\(daemon).readinessProbe.httpGet.port is missing"
        ),
        Slip(
            "        - name: cni\n          hostPath:",
            "        - name: state\n          hostPath:",
            "\(pod).volumes: two elements have the same name"
        ),
        Slip(
            "          configMap:\n            name: kube-flannel-cfg",
            "          configMap:\n            name: kube-flannel-cfg\n          emptyDir: {}",
            "\(pod).volumes[4]: has 2 of configMap, emptyDir, hostPath, must have one"
        ),
        Slip(
            "          livenessProbe:\n            httpGet:\n              host: 127.0.0.1\n              path: /healthz\n              port: 8081\n",
            "          livenessProbe:\n",
            "\(daemon).livenessProbe: has 0 of exec, grpc, httpGet, tcpSocket, must have one"
        ),
        // What refers to nothing.
        Slip(
            "            - name: state\n              mountPath:",
            "            - name: status\n              mountPath:",
            "there is no volume status"
        ),
        Slip(
            "      serviceAccountName: flannel",
            "      serviceAccountName: flanneld",
            "\(pod).serviceAccountName: there is no such ServiceAccount"
        ),
        Slip(
            "          configMap:\n            name: kube-flannel-cfg",
            "          configMap:\n            name: kube-flannel",
            "configMap.name: there is no such ConfigMap"
        ),
        Slip(
            "  kind: ClusterRole\n  name: flannel",
            "  kind: ClusterRole\n  name: flanneld",
            "ClusterRoleBinding.roleRef.name: there is no such ClusterRole"
        ),
        Slip(
            "      app: flannel\n      k8s-app: flannel\n  update",
            "      app: flanneld\n      k8s-app: flannel\n  update",
            "the template has no label app of that value"
        ),
    ]) func `a slip is found`(_ slip: Slip) throws {
        let text = try Manifest.text(ofPackage: "swift-cni.yaml")
        #expect(text.ranges(of: slip.from).count == 1, "what is to be replaced must be there once")
        let complaints = try Manifest(text.replacing(slip.from, with: slip.to)).complaints()
        #expect(complaints.contains { $0.contains(slip.complaint) }, "\(complaints)")
    }
}
