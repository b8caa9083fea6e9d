// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import JSON
internal import LinuxSystem
internal import Overlay
internal import OverlayKubernetes
internal import RouteNetlink

extension OverlayNode {
    /// All that `flanneld status` shows.
    func status() -> JSONValue {
        let obstacles = obstacles
        var document = JSONObject()
        document["state"] = .string(told?.state.rawValue ?? (wasReady ? "ready" : "starting"))
        document["since"] = told.map { .string(Timestamp.text($0.since)) } ?? .null
        document["ready"] = .boolean(obstacles.isEmpty)
        document["obstacles"] = .strings(obstacles)
        document["network"] = configuration?.json ?? .null
        document["lease"] = lease
        document["uplink"] = uplinkStatus
        document["store"] = [
            "location": .string(options.store.summary),
            "lastRead": counters.lastSnapshot > 0 ? .string(Timestamp.text(counters.lastSnapshot)) : .null,
            "problems": .strings(
                complaints[.configuration] + complaints[.lease] + complaints[.store] + complaints[.entries]
                    + complaints[.announcement]
            ),
        ]
        document["peers"] = peers
        document["lastRepair"] =
            progress.lastRepair.map { ["at": .string(Timestamp.text($0.at)), "what": .string($0.what)] } ?? .null
        document["warnings"] = .strings(
            complaints[.kernel] + complaints[.routes] + complaints[.rules] + complaints[.record]
                + complaints[.memory] + complaints[.healthPort] + complaints[.limitations]
                + (BridgeNetfilter.isOn ? [] : [BridgeNetfilter.advice])
        )
        return .object(document)
    }

    private var lease: JSONValue {
        guard let own else { return .null }
        return [
            "subnets": .strings(own.subnets.families.compactMap { own.subnets[$0]?.description }),
            "publicAddresses": .strings(
                own.attributes.publicAddresses.families.compactMap {
                    own.attributes.publicAddresses[$0]?.description
                }
            ),
            "validUntil": validUntil.map { .string(Timestamp.text($0)) } ?? .null,
        ]
    }

    private var uplinkStatus: JSONValue {
        .array(
            uplink.choices.families.compactMap { family in
                guard let choice = uplink.choices[family] else { return nil }
                return [
                    "family": .string("\(family)"), "interface": .string(choice.name),
                    "address": .string("\(choice.address)"), "publicAddress": .string("\(choice.publicAddress)"),
                    "mtu": .integer(Int64(choice.mtu)), "reason": .string(choice.reason),
                    "problem": uplink.errors[family].map { .string($0.description) } ?? .null,
                ]
            }
        )
    }

    private var peers: JSONValue {
        let desired = plan?.desired
        let failed = Set(progress.report?.conflictingRoutes.map(\.destination) ?? [])
        let leaving = Set(departed.subnets.flatMap { subnets in subnets.families.compactMap { subnets[$0] } })
        let programmed = (desired?.routes ?? []).map { route -> JSONValue in
            let device = desired?.devices[route.destination.family]?.name ?? ""
            let way = route.usesTunnel ? device : uplink.choices[route.destination.family]?.name ?? ""
            let state =
                failed.contains(route.destination)
                ? "in conflict"
                : leaving.contains(route.destination) ? "leaving" : progress.hasRun ? "programmed" : "waiting"
            return [
                "subnet": .string("\(route.destination)"), "gateway": .string("\(route.gateway)"),
                "interface": .string(way), "state": .string(state),
            ]
        }
        let skipped = (desired?.skippedPeers ?? []).map { peer -> JSONValue in
            [
                "subnet": .string("\(peer.subnet)"), "state": .string("left out"),
                "reason": .string("\(peer)"),
            ]
        }
        return [
            "desired": .integer(Int64(programmed.count)), "programmed": .integer(Int64(programmedCount)),
            "skipped": .integer(Int64(skipped.count)), "list": .array(programmed + skipped),
        ]
    }
}

extension DaemonOptions.Store {
    /// Where it is, without secrets.
    var summary: String {
        switch self {
        case .directory(let path): "file://\(path)"
        case .etcd(let options): "etcd \(options.endpoints.joined(separator: ",")) \(options.prefix)"
        case .kubernetes(let options): options.summary
        }
    }
}
