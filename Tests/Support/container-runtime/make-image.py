#!/usr/bin/python3
# swift-cni, SPDX-License-Identifier: Apache-2.0
"""Writes an OCI image archive that holds nothing but busybox: make-image.py BUSYBOX NAME ARCHIVE"""
import gzip
import hashlib
import io
import json
import sys
import tarfile


def add(archive, name, contents, mode=0o644):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(contents), mode
    archive.addfile(entry, io.BytesIO(contents))


def root_file_system(busybox):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for directory in ("bin", "etc", "dev", "proc", "sys", "tmp"):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        with open(busybox, "rb") as file:
            add(archive, "bin/busybox", file.read(), 0o755)
        for name in ("sh", "sleep", "ping"):
            entry = tarfile.TarInfo("bin/" + name)
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(entry)
    return buffer.getvalue()


def main(busybox, name, path):
    layer = root_file_system(busybox)
    with tarfile.open(path, "w") as archive:

        def blob(media_type, contents):
            digest = hashlib.sha256(contents).hexdigest()
            add(archive, "blobs/sha256/" + digest, contents)
            return {"mediaType": "application/vnd.oci.image." + media_type, "size": len(contents),
                    "digest": "sha256:" + digest}

        packed = blob("layer.v1.tar+gzip", gzip.compress(layer, 1, mtime=0))
        config = blob("config.v1+json", json.dumps({
            "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/sleep", "1000000"], "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        }).encode())
        manifest = blob("manifest.v1+json", json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
            "layers": [packed],
        }).encode())
        manifest["annotations"] = {"io.containerd.image.name": name}
        add(archive, "index.json", json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode())
        add(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')


main(*sys.argv[1:])
