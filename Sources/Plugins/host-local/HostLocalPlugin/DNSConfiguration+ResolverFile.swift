// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CNI

extension DNSConfiguration {
    /// Reads a file in the format of `resolv.conf(5)`, as the reference does: the last `domain` counts, `search` and
    /// `options` add up, and lines without a value are passed over.
    init(resolverFile text: String) {
        self.init()
        for line in text.split(whereSeparator: \.isNewline) {
            guard line.first != "#", line.first != ";" else { continue }
            let fields = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard fields.count >= 2 else { continue }
            switch fields[0] {
            case "nameserver": nameservers.append(fields[1])
            case "domain": domain = fields[1]
            case "search": search += fields[1...]
            case "options": options += fields[1...]
            default: break
            }
        }
    }
}
