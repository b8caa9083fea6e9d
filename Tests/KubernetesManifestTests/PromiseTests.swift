// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import JSON
internal import KubernetesTesting
internal import LinuxSystem
internal import Overlay
internal import Testing

/// What the manifests promise beside being valid.
@Suite struct PromiseTests {
    private static var manifests: [String] { ["swift-cni.yaml", "swift-cni-cleanup.yaml"] }
    private let root = Path.parent(of: Path.parent(of: Path.parent(of: #filePath)))

    private func containers(_ name: String) throws -> [JSONNode] {
        let pod = try #require(Manifest(ofPackage: name).only("DaemonSet")["spec"]?["template"]?["spec"])
        return try pod.requiredMember("initContainers").elements() + pod.requiredMember("containers").elements()
    }

    @Test(arguments: manifests) func `no container may do more than it has to`(_ name: String) throws {
        for container in try containers(name) {
            let context = try container.requiredMember("securityContext")
            #expect(try context.requiredMember("privileged").boolean() == false)
            #expect(try context.requiredMember("allowPrivilegeEscalation").boolean() == false)
            #expect(try context.requiredMember("readOnlyRootFilesystem").boolean())
            let capabilities = try context.requiredMember("capabilities")
            #expect(try capabilities.requiredMember("drop").strings() == ["ALL"])
            let installs = try container.requiredMember("args").strings()[0].hasSuffix("install-cni")
            #expect(try capabilities.requiredMember("add").strings() == [installs ? "DAC_OVERRIDE" : "NET_ADMIN"])
        }
    }

    @Test(arguments: manifests) func `the image is the one that is made of this version`(_ name: String) throws {
        let version = String(decoding: try File.contents(of: "\(root)/VERSION"), as: UTF8.self)
        let script = String(decoding: try File.contents(of: "\(root)/scripts/image"), as: UTF8.self)
        let image = "swift-cni.invalid/swift-cni"
        #expect(script.contains("\nname=\(image):$version\n"))
        let expected = try "\(image):\(#require(version.split(separator: "\n").first))"
        for container in try containers(name) { #expect(try container.requiredMember("image").string() == expected) }
    }

    @Test func `the configuration is the one that is used without it, and what flannel's manifest says`() throws {
        let data = try Manifest(ofPackage: "swift-cni.yaml").only("ConfigMap").requiredMember("data")
        let list = try JSONValue(parsing: Array(data.requiredMember("cni-conf.json").string().utf8))
        #expect(try list == JSONValue(parsing: NetworkListFile.template))
        let network = try NetworkConfiguration(parsing: Array(data.requiredMember("net-conf.json").string().utf8))
        #expect(network.families[.v4]?.network.description == "10.244.0.0/16")
    }

    @Test func `the guide's commands have the names of the manifest`() throws {
        let guide = try Manifest.text(ofPackage: "README.md")
        let workload = try Manifest(ofPackage: "swift-cni.yaml").only("DaemonSet")
        let metadata = try workload.requiredMember("metadata")
        let containers = try containers("swift-cni.yaml").map { try $0.requiredMember("name").string() }
        let (name, namespace) = try (
            metadata.requiredMember("name").string(), metadata.requiredMember("namespace").string()
        )
        var count = 0
        for block in guide.split(separator: "```") where block.hasPrefix("sh\n") {
            for line in block.split(separator: "\n") where line.hasPrefix("kubectl") {
                for match in line.matches(of: /daemonset\/([^ ]+)/) { #expect(match.1 == name, "\(line)") }
                for match in line.matches(of: /\ -n ([^ ]+)/) { #expect(match.1 == namespace, "\(line)") }
                for match in line.matches(of: /\ -c ([^ ]+)/) {
                    #expect(containers.contains(String(match.1)), "\(line)")
                }
                for match in line.matches(of: /-f netconf\/kubernetes\/([^ ]+)/) {
                    #expect(throws: Never.self) { try Manifest(ofPackage: String(match.1)) }
                }
                count += 1
            }
        }
        #expect(count > 5)
    }

    @Test func `the cleanup has the names of what it takes away`() throws {
        for path in [["metadata"], ["spec", "selector"], ["spec", "template", "metadata"]] {
            let places = try Self.manifests.map { name in
                try path.reduce(Manifest(ofPackage: name).only("DaemonSet")) { try $0.requiredMember($1) }.value
            }
            #expect(places[0] == places[1])
        }
    }
}
