// swift-tools-version: 6.2
// swift-cni, SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// What every Swift target of ours is compiled with.
let strict: [SwiftSetting] = [
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0335-existential-any.md
    .enableUpcomingFeature("ExistentialAny"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0409-access-level-on-imports.md
    .enableUpcomingFeature("InternalImportsByDefault"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0444-member-import-visibility.md
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// How the linker is told to begin with the functions that a file names.
func ordered(by path: String) -> [String] {
    ["--no-warn-symbol-ordering", "--symbol-ordering-file=\(Context.packageDirectory)/\(path)"]
        .flatMap { ["-Xlinker", $0] }
}

/// Plugins and tools are dropped into hosts with any libc, or none: they are fully static.
///
/// The Swift libraries follow with `--static-swift-stdlib` on the command line (see scripts/build). Debug builds stay dynamic:
/// without that flag FoundationEssentials, which comes with cnitool's argument parser, does not link statically.
///
/// What a plugin runs is laid side by side (see scripts/order): it takes 3.3 MB then, not 5.
let fullyStatic: [LinkerSetting] = [
    .unsafeFlags(
        ["-static-executable", "-use-ld=lld"] + ordered(by: "Sources/Plugins/functions.order"),
        .when(configuration: .release)
    )
]

/// A program that stays in memory without the names of its 30,000 symbols, which nobody looks up, with its code apart from
/// its tables, and with what it runs side by side: of 19 MB that are resident otherwise, 6 are not.
let smallInMemory: [LinkerSetting] = [
    .unsafeFlags(
        ["-use-ld=lld", "-Xlinker", "--no-export-dynamic"] + ordered(by: "Sources/Tools/flanneld/functions.order"),
        .when(configuration: .release)
    )
]

/// A CNI plugin: an importable library with the logic, and an executable whose main is one statement.
///
/// The executable is named as CNI configuration names the plugin.
struct PluginProduct {
    let name: String
    let module: String
    let dependencies: [Target.Dependency]

    var library: Target {
        .target(
            name: module,
            dependencies: dependencies,
            path: "Sources/Plugins/\(name)/\(module)",
            swiftSettings: strict
        )
    }
    var executable: Target {
        .executableTarget(
            name: "\(module)Executable",
            dependencies: [.target(name: module), "CNIPlugin"],
            path: "Sources/Plugins/\(name)",
            exclude: [module],
            swiftSettings: strict,
            linkerSettings: fullyStatic
        )
    }
    var product: Product { .executable(name: name, targets: ["\(module)Executable"]) }
}

let plugins: [PluginProduct] = [
    PluginProduct(
        name: "bridge",
        module: "BridgePlugin",
        dependencies: [
            "CNI", "CNIPlugin", "ContainerNetwork", "IPAddresses", "JSON", "LinuxSystem", "NFTables", "Netlink",
            "RouteNetlink",
        ]
    ),
    PluginProduct(
        name: "firewall",
        module: "FirewallPlugin",
        dependencies: [
            "CNI", "CNIPlugin", "ContainerNetwork", "ForeignForwarding", "IPAddresses", "JSON", "NFTables", "Netlink",
            "RouteNetlink",
        ]
    ),
    PluginProduct(
        name: "flannel",
        module: "FlannelPlugin",
        dependencies: [
            "CNI", "CNIExecution", "CNIPlugin", "ContainerNetwork", "FlannelEnvironment", "IPAddresses", "JSON",
            "LinuxSystem", "Netlink", "RouteNetlink",
        ]
    ),
    PluginProduct(
        name: "host-local",
        module: "HostLocalPlugin",
        dependencies: ["CNI", "CNIPlugin", "HostLocalStore", "IPAddresses", "JSON", "LinuxSystem"]
    ),
    PluginProduct(
        name: "portmap",
        module: "PortmapPlugin",
        dependencies: [
            "CNI", "CNIPlugin", "Conntrack", "ContainerNetwork", "IPAddresses", "JSON", "LinuxSystem", "NFTables",
            "Netlink", "RouteNetlink",
        ]
    ),
    PluginProduct(
        name: "loopback",
        module: "LoopbackPlugin",
        dependencies: ["CNI", "CNIPlugin", "ContainerNetwork", "IPAddresses", "LinuxSystem", "Netlink", "RouteNetlink"]
    ),
]

/// A target of ours: strict settings, its folder below Sources.
func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// Tests of one module.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
    name: "swift-cni",
    products: plugins.map(\.product) + [
        .executable(name: "cnitool", targets: ["cnitool"]),
        .executable(name: "flanneld", targets: ["flanneld"]),
        .executable(name: "plugin-bench", targets: ["plugin-bench"]),
        .executable(name: "plugin-cases", targets: ["plugin-cases"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        // C
        .systemLibrary(
            name: "CNetlink",
            pkgConfig: "libnl-route-3.0",
            providers: [.apt(["libnl-3-dev", "libnl-route-3-dev"])]
        ),
        .systemLibrary(name: "CJansson", pkgConfig: "jansson", providers: [.apt(["libjansson-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .target(name: "CLinux"),

        // System
        library("LinuxSystem", ["CLinux"]),
        library("IPAddresses", []),
        library("JSON", ["CJansson"]),
        library("YAML", ["CYAML", "JSON"]),

        // Kernel
        library("Netlink", ["CNetlink", "LinuxSystem"]),
        library("RouteNetlink", ["CNetlink", "IPAddresses", "LinuxSystem", "Netlink"]),
        library("Conntrack", ["CNetlink", "IPAddresses", "LinuxSystem", "Netlink"]),
        library("Ethtool", ["CNetlink", "LinuxSystem", "Netlink", "RouteNetlink"]),
        library("NFTables", ["CNetlink", "IPAddresses", "LinuxSystem", "Netlink"]),
        library("ForeignForwarding", ["IPAddresses", "NFTables", "Netlink"]),

        // CNI
        library("CNI", ["IPAddresses", "JSON"]),
        library("CNIExecution", ["CNI", "JSON", "LinuxSystem"]),
        library("CNIPlugin", ["CNI", "CNIExecution", "JSON", "LinuxSystem"]),
        library("CNIRuntime", ["CNI", "CNIExecution", "IPAddresses", "JSON", "LinuxSystem"]),
        library("HostLocalStore", ["CNI", "IPAddresses", "LinuxSystem"]),
        library(
            "ContainerNetwork",
            [
                "CNI", "CNIExecution", "CNIPlugin", "IPAddresses", "JSON", "LinuxSystem", "NFTables", "Netlink",
                "RouteNetlink",
            ]
        ),

        // Overlay
        library("FlannelEnvironment", ["IPAddresses"]),
        library(
            "Overlay",
            [
                "Ethtool", "FlannelEnvironment", "ForeignForwarding", "IPAddresses", "JSON", "LinuxSystem", "NFTables",
                "Netlink",
                "RouteNetlink",
            ]
        ),
        library("OverlayFile", ["IPAddresses", "JSON", "LinuxSystem", "Overlay"]),

        library(
            "EtcdClient",
            [
                "HTTPTransport", "JSON", .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ]
        ),
        library("OverlayEtcd", ["EtcdClient", "IPAddresses", "JSON", "LinuxSystem", "Overlay"]),
        library(
            "HTTPTransport",
            [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]
        ),
        library(
            "KubernetesClient",
            [
                "HTTPTransport", "JSON", "LinuxSystem", "YAML",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ]
        ),
        library(
            "OverlayKubernetes",
            ["IPAddresses", "JSON", "KubernetesClient", "LinuxSystem", "Overlay"]
        ),

        library("PluginInstallation", ["CNI", "JSON", "LinuxSystem"]),

        // Tools
        .executableTarget(
            name: "cnitool",
            dependencies: [
                "CNI", "CNIRuntime", "ContainerNetwork", "FirewallPlugin", "HostLocalStore", "IPAddresses", "JSON",
                "LinuxSystem", "NFTables", "Netlink", "PortmapPlugin", "RouteNetlink",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/Tools/cnitool",
            swiftSettings: strict,
            linkerSettings: fullyStatic
        ),
        .target(
            name: "Flanneld",
            dependencies: [
                "EtcdClient", "IPAddresses", "JSON", "KubernetesClient", "LinuxSystem", "NFTables", "Netlink",
                "Overlay", "OverlayEtcd", "OverlayFile", "OverlayKubernetes", "PluginInstallation", "RouteNetlink",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Tools/flanneld/Flanneld",
            swiftSettings: strict
        ),
        // It resolves names, which a static glibc cannot do without the host's own modules: only Swift's libraries are in it.
        .executableTarget(
            name: "flanneld",
            dependencies: ["Flanneld"],
            path: "Sources/Tools/flanneld",
            exclude: ["Flanneld", "functions.order"],
            swiftSettings: strict,
            linkerSettings: smallInMemory
        ),

        // Tests
        .systemLibrary(
            name: "CMnl",
            path: "Tests/Support/CMnl",
            pkgConfig: "libmnl",
            providers: [.apt(["libmnl-dev"])]
        ),
        .target(name: "CForkExec", path: "Tests/Support/CForkExec"),
        .target(
            name: "LinuxTesting",
            dependencies: ["IPAddresses", "JSON", "LinuxSystem"],
            path: "Tests/Support/LinuxTesting",
            swiftSettings: strict
        ),
        .target(
            name: "EtcdTesting",
            dependencies: ["CForkExec", "LinuxSystem", "LinuxTesting"],
            path: "Tests/Support/EtcdTesting",
            swiftSettings: strict
        ),
        .target(
            name: "KubernetesTesting",
            dependencies: [
                "IPAddresses", "JSON", "LinuxSystem", "LinuxTesting", "YAML",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            path: "Tests/Support/KubernetesTesting",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "plugin-bench",
            dependencies: ["CForkExec", "IPAddresses", "JSON", "LinuxSystem", "RouteNetlink"],
            path: "Tests/Support/plugin-bench",
            swiftSettings: strict,
            linkerSettings: fullyStatic
        ),
        .executableTarget(
            name: "plugin-cases",
            dependencies: ["IPAddresses", "JSON", "LinuxSystem"],
            path: "Tests/Support/plugin-cases",
            swiftSettings: strict,
            linkerSettings: fullyStatic
        ),
        .executableTarget(
            name: "scripted-plugin",
            dependencies: ["JSON", "LinuxSystem"],
            path: "Tests/Support/scripted-plugin",
            swiftSettings: strict,
            linkerSettings: fullyStatic
        ),
        .executableTarget(
            name: "lease-holder",
            dependencies: ["IPAddresses", "Overlay", "OverlayFile"],
            path: "Tests/Support/lease-holder",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "kubernetes-server",
            dependencies: ["KubernetesTesting"],
            path: "Tests/Support/kubernetes-server",
            swiftSettings: strict
        ),
        .target(name: "CProcessControl", path: "Tests/Support/CProcessControl"),
        tests(
            "EndToEndTests",
            [
                "CNI", "CProcessControl", "EtcdTesting", "IPAddresses", "JSON", "KubernetesTesting", "LinuxSystem",
                "LinuxTesting", "Overlay", "RouteNetlink",
            ]
        ),
        tests("LinuxSystemTests", ["LinuxSystem", "LinuxTesting"]),
        tests("IPAddressesTests", ["IPAddresses", "LinuxTesting"]),
        tests("JSONTests", ["JSON", "LinuxSystem", "LinuxTesting"]),
        tests("YAMLTests", ["JSON", "YAML"]),
        tests("CNITests", ["CNI", "IPAddresses", "JSON", "LinuxSystem", "LinuxTesting"]),
        tests("NetlinkTests", ["CNetlink", "LinuxSystem", "LinuxTesting", "Netlink"]),
        tests(
            "RouteNetlinkTests",
            ["IPAddresses", "JSON", "LinuxSystem", "LinuxTesting", "Netlink", "RouteNetlink"]
        ),
        tests("EthtoolTests", ["Ethtool", "LinuxSystem", "LinuxTesting", "Netlink", "RouteNetlink"]),
        tests("ConntrackTests", ["Conntrack", "IPAddresses", "LinuxSystem", "LinuxTesting", "Netlink"]),
        tests("FlannelEnvironmentTests", ["FlannelEnvironment", "IPAddresses"]),
        tests(
            "OverlayTests",
            [
                "ForeignForwarding", "IPAddresses", "JSON", "LinuxSystem", "LinuxTesting", "NFTables", "Netlink",
                "Overlay",
                "RouteNetlink",
            ]
        ),
        tests(
            "OverlayFileTests",
            [
                "CProcessControl", "IPAddresses", "JSON", "LinuxSystem", "LinuxTesting", "Overlay", "OverlayFile",
                "lease-holder",
            ]
        ),
        tests("PluginInstallationTests", ["CNI", "LinuxSystem", "LinuxTesting", "PluginInstallation"]),
        tests("EtcdClientTests", ["EtcdClient", "EtcdTesting", "LinuxSystem", "LinuxTesting"]),
        tests(
            "OverlayEtcdTests",
            [
                "EtcdClient", "EtcdTesting", "IPAddresses", "JSON", "LinuxSystem", "LinuxTesting", "Overlay",
                "OverlayEtcd",
            ]
        ),
        tests(
            "KubernetesClientTests",
            ["HTTPTransport", "JSON", "KubernetesClient", "KubernetesTesting", "LinuxSystem", "LinuxTesting"]
        ),
        tests(
            "KubernetesManifestTests",
            ["IPAddresses", "JSON", "KubernetesClient", "KubernetesTesting", "LinuxSystem", "Overlay"]
        ),
        tests(
            "OverlayKubernetesTests",
            [
                "IPAddresses", "JSON", "KubernetesClient", "KubernetesTesting", "LinuxSystem", "LinuxTesting",
                "Overlay",
                "OverlayKubernetes",
            ]
        ),
        tests("NFTablesTests", ["IPAddresses", "LinuxSystem", "LinuxTesting", "NFTables", "Netlink"]),
        tests(
            "NetlinkWitnessTests",
            ["CMnl", "IPAddresses", "LinuxSystem", "LinuxTesting", "Netlink", "RouteNetlink"]
        ),
        tests("CNIPluginTests", ["CNI", "CNIExecution", "CNIPlugin", "JSON", "LinuxSystem", "LinuxTesting"]),
        tests(
            "CNIRuntimeTests",
            [
                "CNI", "CNIExecution", "CNIRuntime", "JSON", "LinuxSystem", "LinuxTesting", "cnitool",
                "scripted-plugin",
            ]
        ),
        tests(
            "FlanneldTests",
            [
                "Flanneld", "IPAddresses", "JSON", "KubernetesClient", "LinuxSystem", "LinuxTesting", "Overlay",
                "OverlayKubernetes",
            ]
        ),
        tests(
            "FlannelPluginTests",
            ["CNI", "CNIPlugin", "FlannelPlugin", "IPAddresses", "JSON", "LinuxSystem", "LinuxTesting"]
        ),
        tests("HostLocalStoreTests", ["CNI", "HostLocalStore", "IPAddresses", "LinuxSystem", "LinuxTesting"]),
        tests(
            "HostLocalPluginTests",
            [
                "CNI", "CNIPlugin", "HostLocalPlugin", "HostLocalStore", "IPAddresses", "JSON", "LinuxSystem",
                "LinuxTesting",
            ]
        ),
        tests(
            "ContainerNetworkTests",
            [
                "CNI", "CNIPlugin", "ContainerNetwork", "IPAddresses", "JSON", "LinuxSystem", "LinuxTesting",
                "NFTables",
                "Netlink", "RouteNetlink",
            ]
        ),
    ] + plugins.flatMap { [$0.library, $0.executable] }
)
