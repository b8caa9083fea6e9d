// swift-cni, SPDX-License-Identifier: Apache-2.0

import IPAddresses
import LinuxTesting
import Testing

extension EndToEnd {
    /// Published ports, seen from all sides.
    @Suite(.requiresProducts("bridge", "host-local", "portmap")) struct PortMaps {
        @Test(arguments: Combination.all)
        func `a published port is reached from everywhere, and answers come back`(_ way: Combination) throws {
            let scene = try PortMapScene(way)
            let web = scene.web
            let family = way.family
            let host = Place.host.address(family)
            let bridgeAddresses = [scene.gateway, scene.otherGateway]

            #expect(
                try scene.call(host, from: scene.site.outside.namespace)
                    == Contact(web.name, saw: Place.outside.address(family)),
                "outside to the host's port"
            )
            for address in [host, Place.hostUpstream.address(family)] + bridgeAddresses {
                let contact = try scene.call(address, from: scene.site.host.namespace)
                #expect(contact?.service == web.name, "the host to its own \(address): \(contact)")
            }
            if family == .v4 {
                let contact = try scene.call("127.0.0.1", from: scene.site.host.namespace)
                #expect(contact == Contact(web.name, saw: scene.gateway), "localhost")
            }
            for address in [host, scene.gateway] {
                let hairpin = try scene.call(address, from: scene.published.container.namespace)
                #expect(hairpin == Contact(web.name, saw: scene.gateway), "the container to its own port at \(address)")
                let sibling = try scene.call(address, from: scene.sibling.container.namespace)
                #expect(sibling == Contact(web.name, saw: scene.gateway), "the same bridge, at \(address)")
                let stranger = try scene.call(address, from: scene.stranger.container.namespace)
                #expect(stranger?.service == web.name, "another network, at \(address): \(stranger)")
            }
        }

        @Test(arguments: Combination.all)
        func `traffic through the host to the same port elsewhere is left alone`(_ way: Combination) throws {
            let scene = try PortMapScene(way)
            let family = way.family
            try scene.site.routeBetweenNeighbors()
            let upstream = try way.service("upstream", port: PortMapScene.port, in: scene.site.upstream.namespace)
            let target = Place.upstream.address(family)

            let transit = try scene.call(target, from: scene.site.outside.namespace, or: [upstream])
            #expect(transit == Contact("upstream", saw: Place.outside.address(family)), "from outside")
            let local = try scene.call(target, from: scene.site.host.namespace, or: [upstream])
            #expect(local == Contact("upstream", saw: Place.hostUpstream.address(family)), "from the host")
            for pod in [scene.published, scene.sibling, scene.stranger] {
                let contact = try scene.call(target, from: pod.container.namespace, or: [upstream])
                let expected = Contact("upstream", saw: Place.hostUpstream.address(family))
                #expect(contact == expected, "from \(pod.container.id)")
            }
            // Nor is a container's own port of that number.
            let plain = try way.service("plain", port: PortMapScene.port, in: scene.sibling.container.namespace)
            let direct = try scene.call(
                try scene.sibling.address(family),
                from: scene.published.container.namespace,
                or: [plain]
            )
            #expect(direct == Contact("plain", saw: try scene.published.address(family)), "from container to container")
        }
    }
}
