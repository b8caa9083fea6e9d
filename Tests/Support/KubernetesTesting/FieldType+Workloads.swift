// swift-cni, SPDX-License-Identifier: Apache-2.0

// Written from the API reference (apps/v1 DaemonSet, v1 PodTemplateSpec and all in it). What no manifest here has a use for,
// such as affinity, lifecycle hooks and most kinds of volumes, is left out.
extension FieldType {
    private static var port: FieldType { .integer(1...65535) }
    private static var seconds: FieldType { .integer(0...(1 << 31)) }

    /// `apps/v1` `DaemonSet`.
    static var daemonSet: FieldType {
        kind(
            "apps/v1",
            "DaemonSet",
            [
                "spec": .fields(
                    [
                        "selector": labelSelector,
                        "template": .fields(["metadata": templateMetadata, "spec": podSpecification]),
                    ],
                    optional: [
                        "updateStrategy": .fields(
                            optional: [
                                "type": .oneOf(["RollingUpdate", "OnDelete"]),
                                "rollingUpdate": .fields(
                                    optional: ["maxUnavailable": amountOrPart, "maxSurge": amountOrPart]
                                ),
                            ]
                        ),
                        "minReadySeconds": seconds, "revisionHistoryLimit": .integer(0...1000),
                    ]
                )
            ]
        )
    }

    private static var amountOrPart: FieldType { .either(.integer(0...(1 << 31)), .matching(.percentage)) }

    private static var labelSelector: FieldType {
        .fields(
            optional: [
                "matchLabels": .map(.matching(.labelValue)),
                "matchExpressions": .list(
                    .fields(
                        ["key": .text, "operator": .oneOf(["In", "NotIn", "Exists", "DoesNotExist"])],
                        optional: ["values": .list(.matching(.labelValue))]
                    )
                ),
            ]
        )
    }

    private static var templateMetadata: FieldType {
        .fields(optional: ["labels": .map(.matching(.labelValue)), "annotations": .map(.text)])
    }

    private static var podSpecification: FieldType {
        .fields(
            ["containers": .listByKey("name", container(isInitial: false))],
            optional: [
                "initContainers": .listByKey("name", container(isInitial: true)),
                "volumes": .listByKey("name", volume),
                "hostNetwork": .boolean, "hostPID": .boolean, "hostIPC": .boolean,
                "priorityClassName": .matching(.subdomain), "serviceAccountName": .matching(.subdomain),
                "automountServiceAccountToken": .boolean, "enableServiceLinks": .boolean,
                "nodeSelector": .map(.matching(.labelValue)), "tolerations": .list(toleration),
                // The only one for what a DaemonSet runs.
                "restartPolicy": .oneOf(["Always"]),
                "dnsPolicy": .oneOf(["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]),
                "terminationGracePeriodSeconds": seconds,
                "imagePullSecrets": .list(.fields(["name": .matching(.subdomain)])),
                "securityContext": .fields(
                    optional: [
                        "seccompProfile": profile, "appArmorProfile": profile, "runAsUser": .integer(0...(1 << 31)),
                        "runAsGroup": .integer(0...(1 << 31)), "runAsNonRoot": .boolean,
                        "fsGroup": .integer(0...(1 << 31)),
                    ]
                ),
            ]
        )
    }

    private static var toleration: FieldType {
        .fields(
            optional: [
                "key": .text, "operator": .oneOf(["Exists", "Equal"]), "value": .text,
                "effect": .oneOf(["NoSchedule", "PreferNoSchedule", "NoExecute"]), "tolerationSeconds": seconds,
            ]
        )
    }

    private static var profile: FieldType {
        .fields(
            ["type": .oneOf(["RuntimeDefault", "Unconfined", "Localhost"])],
            optional: ["localhostProfile": .text]
        )
    }

    private static func container(isInitial: Bool) -> FieldType {
        var fields: [String: FieldType] = [
            "command": .list(.text), "args": .list(.text), "workingDir": .matching(.path),
            "imagePullPolicy": .oneOf(["Always", "IfNotPresent", "Never"]),
            "env": .listByKey("name", variable), "volumeMounts": .listByKey("mountPath", volumeMount),
            "ports": .list(
                .fields(
                    ["containerPort": port],
                    optional: [
                        "name": .matching(.portName), "hostPort": port, "hostIP": .matching(.address),
                        "protocol": .oneOf(["TCP", "UDP", "SCTP"]),
                    ]
                )
            ),
            "resources": .fields(optional: ["requests": amounts, "limits": amounts]),
            "securityContext": securityContext,
            "terminationMessagePath": .matching(.path),
            "terminationMessagePolicy": .oneOf(["File", "FallbackToLogsOnError"]),
        ]
        if isInitial {
            fields["restartPolicy"] = .oneOf(["Always"])
        } else {
            for name in ["livenessProbe", "readinessProbe", "startupProbe"] { fields[name] = probe }
        }
        return .fields(["name": .matching(.label), "image": .text], optional: fields)
    }

    private static var variable: FieldType {
        .fields(
            ["name": .matching(.variable)],
            exactlyOneOf: [
                "value": .text,
                "valueFrom": .fields(
                    exactlyOneOf: [
                        "fieldRef": .fields(
                            [
                                // What can be told to a variable, apart from single labels and annotations.
                                "fieldPath": .oneOf([
                                    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
                                    "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP",
                                    "status.podIPs",
                                ])
                            ],
                            optional: ["apiVersion": .oneOf(["v1"])]
                        ),
                        "configMapKeyRef": keyReference, "secretKeyRef": keyReference,
                    ]
                ),
            ]
        )
    }

    private static var keyReference: FieldType {
        .fields(["name": .matching(.subdomain), "key": .text], optional: ["optional": .boolean])
    }

    private static var amounts: FieldType {
        .fields(
            optional: [
                "cpu": .matching(.quantity), "memory": .matching(.quantity), "ephemeral-storage": .matching(.quantity),
            ]
        )
    }

    private static var probe: FieldType {
        .fields(
            optional: [
                "initialDelaySeconds": seconds, "periodSeconds": .integer(1...3600),
                "timeoutSeconds": .integer(1...3600),
                "successThreshold": .integer(1...1000), "failureThreshold": .integer(1...1000),
                "terminationGracePeriodSeconds": seconds,
            ],
            exactlyOneOf: [
                "httpGet": .fields(
                    ["port": .either(port, .matching(.portName))],
                    optional: [
                        "host": .matching(.address), "path": .matching(.path), "scheme": .oneOf(["HTTP", "HTTPS"]),
                        "httpHeaders": .list(.fields(["name": .text, "value": .text])),
                    ]
                ),
                "tcpSocket": .fields(
                    ["port": .either(port, .matching(.portName))],
                    optional: ["host": .matching(.address)]
                ),
                "exec": .fields(["command": .list(.text)]),
                "grpc": .fields(["port": port], optional: ["service": .text]),
            ]
        )
    }

    private static var volumeMount: FieldType {
        .fields(
            ["name": .matching(.label), "mountPath": .matching(.path)],
            optional: [
                "readOnly": .boolean, "subPath": .text,
                "recursiveReadOnly": .oneOf(["Disabled", "IfPossible", "Enabled"]),
                "mountPropagation": .oneOf(["None", "HostToContainer", "Bidirectional"]),
            ]
        )
    }

    private static var volume: FieldType {
        .fields(
            ["name": .matching(.label)],
            exactlyOneOf: [
                "hostPath": .fields(
                    ["path": .matching(.path)],
                    optional: [
                        "type": .oneOf([
                            "", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice",
                            "BlockDevice",
                        ])
                    ]
                ),
                "configMap": .fields(
                    ["name": .matching(.subdomain)],
                    optional: [
                        "defaultMode": .integer(0...0o777), "optional": .boolean,
                        "items": .list(
                            .fields(["key": .text, "path": .text], optional: ["mode": .integer(0...0o777)])
                        ),
                    ]
                ),
                "emptyDir": .fields(
                    optional: ["medium": .oneOf(["", "Memory"]), "sizeLimit": .matching(.quantity)]
                ),
            ]
        )
    }

    private static var securityContext: FieldType {
        .fields(
            optional: [
                "allowPrivilegeEscalation": .boolean, "privileged": .boolean, "readOnlyRootFilesystem": .boolean,
                "runAsUser": .integer(0...(1 << 31)), "runAsGroup": .integer(0...(1 << 31)), "runAsNonRoot": .boolean,
                "procMount": .oneOf(["Default", "Unmasked"]), "seccompProfile": profile, "appArmorProfile": profile,
                "capabilities": .fields(optional: ["add": capabilities, "drop": capabilities]),
            ]
        )
    }

    /// As Kubernetes spells them: without `CAP_`, which runtimes would not know.
    private static var capabilities: FieldType {
        .list(
            .oneOf([
                "ALL", "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE",
                "CHOWN",
                "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE",
                "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE",
                "NET_BROADCAST",
                "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT",
                "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE",
                "SYS_TIME",
                "SYS_TTY_CONFIG", "WAKE_ALARM",
            ])
        )
    }
}
