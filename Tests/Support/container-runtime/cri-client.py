#!/usr/bin/python3
# swift-cni, SPDX-License-Identifier: Apache-2.0
"""Speaks the container runtime interface (runtime.v1) as a kubelet does, one command per call, answers in JSON.

The few messages needed are encoded by hand: a field is a number and a text, bytes, an integer, or a list of fields.
Field numbers: kubernetes/cri-api, pkg/apis/runtime/v1/api.proto.
"""
import concurrent.futures
import json
import sys
import time

import grpc

# What a pod runs: the pod's name is at /etc/hostname. Its socket is of IPv6 and takes IPv4, too.
SERVER = ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/"]


def varint(number):
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def message(*fields):
    encoded = b""
    for number, value in fields:
        if isinstance(value, int):
            encoded += varint(number << 3) + varint(value)
            continue
        if isinstance(value, list):
            value = message(*value)
        if isinstance(value, str):
            value = value.encode()
        encoded += varint(number << 3 | 2) + varint(len(value)) + value
    return encoded


def fields(encoded):
    """All fields of a message: number -> values; nested messages stay bytes."""
    decoded, place = {}, 0

    def next_varint():
        nonlocal place
        number = shift = 0
        while True:
            byte = encoded[place]
            place += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    while place < len(encoded):
        key = next_varint()
        if key & 7 == 0:
            value = next_varint()
        elif key & 7 == 2:
            length = next_varint()
            value = encoded[place:place + length]
            place += length
        else:
            raise ValueError(f"wire type {key & 7}")
        decoded.setdefault(key >> 3, []).append(value)
    return decoded


def text(decoded, number):
    return decoded.get(number, [b""])[0].decode()


class Runtime:
    def __init__(self, socket):
        self.channel = grpc.insecure_channel("unix://" + socket)

    def call(self, method, *request, service="RuntimeService"):
        function = self.channel.unary_unary(f"/runtime.v1.{service}/{method}")
        return fields(function(message(*request), timeout=60, wait_for_ready=True))

    def status(self):
        """Why the runtime or its network is not ready, by condition; empty when both are."""
        status = fields(self.call("Status")[1][0])
        conditions = [fields(condition) for condition in status.get(1, [])]
        return {text(c, 1): text(c, 4) or "not ready" for c in conditions if c.get(2, [0])[0] != 1}

    def await_image(self, image):
        """Ends when the runtime is there and knows an image, which it takes note of after the import."""
        end = time.monotonic() + 20
        while not self.call("ImageStatus", (1, [(1, image)]), service="ImageService").get(1):
            if time.monotonic() > end:
                sys.exit(f"{image} does not come")
            time.sleep(0.02)
        return {}

    def configure(self, subnet):
        """What a kubelet does when its node has been given a subnet."""
        self.call("UpdateRuntimeConfig", (1, [(1, [(1, subnet)])]))
        return {}

    def run(self, image, cgroup, *names):
        """Pods, all at once, each with one container. NAME=PORT: the container's server answers at this port of the node."""
        with concurrent.futures.ThreadPoolExecutor(len(names)) as executor:
            return list(executor.map(lambda name: self.run_one(image, cgroup, *name.partition("=")[::2]), names))

    def run_one(self, image, cgroup, name, port="", attempt=0):
        pod = [(1, [(1, name), (2, "uid-" + name), (3, "default"), (4, attempt)]), (2, name), (8, [(1, cgroup)])]
        if port:
            pod.append((5, [(2, 8080), (3, int(port))]))
        pod_id = text(self.call("RunPodSandbox", (1, pod)), 1)
        container = [(1, [(1, "main")]), (2, [(1, image)]), *[(3, word) for word in SERVER], (15, [])]
        created = self.call("CreateContainer", (1, pod_id), (2, container), (3, pod))
        self.call("StartContainer", (1, text(created, 1)))
        return {"pod": pod_id, "container": text(created, 1), **self.examine(pod_id)}

    def run_on_node(self, cgroup, name, document):
        """A pod with the node's network and one container, as a document in JSON describes it."""
        wanted = json.loads(document)
        of_node = [(1, [(1, 2)])]
        pod = [(1, [(1, name), (2, "uid-" + name), (3, "kube-system")]), (3, "/run/logs"), (8, [(1, cgroup), (2, of_node)])]
        restrictions = [
            (1, [(2, "ALL")] + [(1, capability) for capability in wanted["capabilities"]]),
            (3, [(1, 2)]), (7, True), (11, True), (15, []),
        ]
        container = [(1, [(1, "main")]), (2, [(1, wanted["image"])]), (11, name + ".log"), (15, [(2, restrictions)])]
        container += [(3, word) for word in wanted["command"]]
        for variable in wanted["environment"]:
            key, _, value = variable.partition("=")
            container.append((6, [(1, key), (2, value)]))
        for mount in wanted["mounts"]:
            mode, source, target = mount.split(":")
            container.append((7, [(1, target), (2, source), (3, mode == "ro")]))
        pod_id = text(self.call("RunPodSandbox", (1, pod)), 1)
        container_id = text(self.call("CreateContainer", (1, pod_id), (2, container), (3, pod)), 1)
        self.call("StartContainer", (1, container_id))
        return {"pod": pod_id, "container": container_id, "addresses": []}

    def await_end(self, container):
        """The exit status of a container that ends by itself."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            status = fields(self.call("ContainerStatus", (1, container))[1][0])
            if status.get(3, [0])[0] == 2:
                return status.get(7, [0])[0]
            time.sleep(0.02)
        sys.exit("it does not end")

    def persist(self, image, cgroup, name):
        """A pod as soon as it can be had, after any number of failures: when that was, and what was said before."""
        attempt, complaints, end = 0, [], time.monotonic() + 60
        while time.monotonic() < end:
            try:
                obstacles = list(self.status().values())
                if not obstacles:
                    attempt += 1
                    pod = self.run_one(image, cgroup, name, attempt=attempt)
                    moment = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
                    self.remove_failed(name)
                    return {**pod, "moment": moment, "complaints": complaints}
            except grpc.RpcError as error:
                obstacles = [error.details()]
            complaints += [obstacle for obstacle in obstacles if obstacle not in complaints]
            time.sleep(0.02)
        sys.exit(f"no pod: {complaints[-1:]}")

    def remove_failed(self, name):
        """What containerd keeps of attempts that it could not undo, as when its network has gone meanwhile."""
        for item in map(fields, self.call("ListPodSandbox").get(1, [])):
            if text(fields(item[2][0]), 1) == name and item.get(3, [0])[0] != 0:
                self.stop(text(item, 1))
                self.remove(text(item, 1))

    def examine(self, pod):
        """Whether a pod's sandbox is ready, and its addresses."""
        status = fields(self.call("PodSandboxStatus", (1, pod))[1][0])
        network = fields(status.get(5, [b""])[0])
        addresses = [text(network, 1)] + [text(fields(other), 1) for other in network.get(2, [])]
        return {"isReady": status.get(3, [0])[0] == 0, "addresses": [address for address in addresses if address]}

    def namespace(self, pod):
        """The file name of a pod's network namespace, as the runtime tells those who want to know all."""
        answer = self.call("PodSandboxStatus", (1, pod), (2, 1))
        entries = [fields(entry) for entry in answer[2]]
        details = json.loads(next(text(entry, 2) for entry in entries if text(entry, 1) == "info"))
        namespaces = details["runtimeSpec"]["linux"]["namespaces"]
        return {"path": next(namespace["path"] for namespace in namespaces if namespace["type"] == "network")}

    def execute(self, container, *command):
        answer = self.call("ExecSync", (1, container), *[(2, word) for word in command], (3, 30))
        return {"status": answer.get(3, [0])[0], "output": text(answer, 1) + text(answer, 2)}

    def stop(self, *pods):
        """All at once."""
        with concurrent.futures.ThreadPoolExecutor(len(pods)) as executor:
            list(executor.map(lambda pod: self.call("StopPodSandbox", (1, pod)), pods))
        return {}

    def remove(self, *pods):
        """All at once; what still runs is stopped first."""
        with concurrent.futures.ThreadPoolExecutor(len(pods)) as executor:
            list(executor.map(lambda pod: self.call("RemovePodSandbox", (1, pod)), pods))
        return {}


if __name__ == "__main__":
    runtime = Runtime(sys.argv[1])
    try:
        print(json.dumps(getattr(runtime, sys.argv[2])(*sys.argv[3:])))
    except grpc.RpcError as error:
        sys.exit(f"{error.code()}: {error.details()}")
