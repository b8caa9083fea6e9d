// swift-cni, SPDX-License-Identifier: Apache-2.0

import JSON

/// Network configurations for the tests.
enum Networks {
    /// A bridge with gateway and host-local addresses, one range set for each argument.
    static func bridge(
        name: String = "pods",
        dataDirectory: String,
        version: String = "1.0.0",
        ranges: [JSONValue]
    ) -> JSONValue {
        [
            "cniVersion": .string(version), "name": .string(name), "type": "bridge", "bridge": "cni-test0",
            "isDefaultGateway": true,
            "ipam": hostLocal(dataDirectory: dataDirectory, ranges: ranges),
        ]
    }

    /// host-local alone, as it is asked when it runs by itself.
    static func hostLocalOnly(
        name: String = "pods",
        dataDirectory: String,
        version: String = "1.0.0",
        ranges: [JSONValue]
    ) -> JSONValue {
        [
            "cniVersion": .string(version), "name": .string(name), "type": "host-local",
            "ipam": hostLocal(dataDirectory: dataDirectory, ranges: ranges),
        ]
    }

    /// A range of a whole subnet, or of a part of it.
    static func range(_ subnet: String, from start: String? = nil, to end: String? = nil) -> JSONValue {
        var object = JSONObject([("subnet", .string(subnet))])
        if let start { object["rangeStart"] = .string(start) }
        if let end { object["rangeEnd"] = .string(end) }
        return .object(object)
    }

    private static func hostLocal(dataDirectory: String, ranges: [JSONValue]) -> JSONValue {
        ["type": "host-local", "dataDir": .string(dataDirectory), "ranges": .array(ranges.map { .array([$0]) })]
    }
}
