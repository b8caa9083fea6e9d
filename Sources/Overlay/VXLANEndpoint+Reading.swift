// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import IPAddresses
internal import JSON

extension VXLANEndpoint {
    /// Reads `{"VNI":1,"VtepMAC":"0a:58:…"}`, whatever the case of its keys; nil when something is missing or nonsense.
    init?(reading value: JSONValue) {
        guard let object = value.object, case .integer(let number)? = object["VNI"], (0..<1 << 24).contains(number),
            let text = object["VtepMAC"]?.string, let mac = MACAddress(text)
        else { return nil }
        self.init(vni: UInt32(number), mac: mac)
    }
}
