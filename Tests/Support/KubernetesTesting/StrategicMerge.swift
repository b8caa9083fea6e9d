// swift-cni, SPDX-License-Identifier: Apache-2.0

public import JSON

extension JSONValue {
    /// The value with a strategic merge patch applied, as the API documents it for nodes and events.
    ///
    /// Objects are merged, null removes, lists are replaced; but the conditions and addresses of a node's status are lists
    /// whose elements are merged by their `type`.
    public func mergedStrategically(with patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var result = object ?? JSONObject()
        for change in changes.members {
            switch (change.key, result[change.key], change.value) {
            case (_, _, .null): result[change.key] = nil
            case ("conditions", .array(let old)?, .array(let new)), ("addresses", .array(let old)?, .array(let new)):
                result[change.key] = .array(Self.merge(old, new))
            case (_, let old, .object): result[change.key] = (old ?? [:]).mergedStrategically(with: change.value)
            default: result[change.key] = change.value
            }
        }
        return .object(result)
    }

    private static func merge(_ old: [JSONValue], _ new: [JSONValue]) -> [JSONValue] {
        var result = old
        for element in new {
            if let index = result.firstIndex(where: { $0.object?["type"] == element.object?["type"] }) {
                result[index] = result[index].mergedStrategically(with: element)
            } else {
                result.append(element)
            }
        }
        return result
    }
}
