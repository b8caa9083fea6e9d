// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import Ethtool
internal import IPAddresses
internal import LinuxSystem
public import Netlink
public import RouteNetlink

/// Makes the kernel hold what is desired.
///
/// A run reads the kernel, compares, and writes the difference. When there is none it writes nothing, so that it can be
/// repeated at any time. An update does without the reading where a run before it left no doubt about what the kernel
/// holds. It is synchronous, and it is used in the network namespace that its socket was opened in.
public struct Reconciler: ~Copyable {
    private let socket: RouteSocket
    /// What the kernel holds, and the last report of it; nil when there is doubt.
    private var held: (desired: DesiredState, report: ReconciliationReport)?

    /// Whether the next ``update(_:)`` reads the kernel.
    public var isDoubtful: Bool { held == nil }

    /// Uses a socket that was opened in the calling thread's namespace.
    public init(_ socket: consuming RouteSocket) {
        self.socket = socket
        held = nil
    }

    /// Opens a socket in the calling thread's namespace.
    public static func open() throws(NetlinkError) -> Reconciler { Reconciler(try .open()) }

    /// Reads the kernel, compares, and writes the difference.
    ///
    /// - Parameter adopting: Whether routes that flannel left are taken over; see ``Difference/init(desired:kernel:adopting:)``.
    /// - Throws: Only what keeps it from reading the kernel or from using the socket; refused changes are in the report.
    public mutating func run(
        _ desired: DesiredState,
        adopting: Bool = false
    ) throws(NetlinkError) -> ReconciliationReport {
        held = nil
        let kernel = try KernelState.read(socket, for: desired)
        let difference = Difference(desired: desired, kernel: kernel, adopting: adopting)
        var report = ReconciliationReport(difference)
        for family in desired.devices.families {
            report.devices[family] = kernel.devices[family]?.link.index
        }
        var rest: [Change] = []
        var former: [(change: Change, link: Link)] = []
        for change in difference.changes {
            // What the others refer to comes first, one by one: it has a number only when it is there.
            switch change {
            case .removeDevice(let link): removeDevice(change, link, &report)
            case .addDevice(let options, let family): addDevice(change, options, family, &report)
            case .refuseAdvertisements(let name): refuseAdvertisements(change, name, &report)
            case .refuseChecksumOffload(let family): refuseChecksumOffload(change, family, &report)
            case .removeFormerDevice(let link): former.append((change, link))
            default: rest.append(change)
            }
        }
        try perform(rest, desired.uplinks, &report)
        // A device that works for some peers is better than none.
        if desired.devices.families == report.devices.families {
            for (change, link) in former { removeDevice(change, link, &report) }
        }
        if report.isComplete { held = (desired, report) }
        return report
    }

    /// Writes what differs from what the last run or update left, without reading the kernel.
    ///
    /// When that was not complete, when ``markDoubtful()`` was called since, or when more changed than peers and the
    /// routes to them, it is a full ``run(_:adopting:)``.
    ///
    /// - Throws: Only what keeps it from using the socket; refused changes are in the report, and leave doubt.
    public mutating func update(_ desired: DesiredState) throws(NetlinkError) -> ReconciliationReport {
        guard let last = held,
            let difference = Difference(from: last.desired, to: desired, devices: last.report.devices)
        else { return try run(desired) }
        held = nil
        var report = ReconciliationReport(after: last.report)
        try perform(difference.changes, desired.uplinks, &report)
        if report.isComplete, !report.isSurprised { held = (desired, report) }
        return report
    }

    /// Reads the kernel as ``run(_:adopting:)`` does, and is much cheaper where nothing differs from what was left.
    ///
    /// - Throws: Only what keeps it from reading the kernel or from using the socket; refused changes are in the report.
    public mutating func check(_ desired: DesiredState) throws(NetlinkError) -> ReconciliationReport {
        // What was reported of others' routes has to be looked for again, and a setting that was refused tried again.
        if let held, held.desired == desired, held.report.foreignRoutes.isEmpty, held.report.failures.isEmpty,
            try KernelCheck(
                desired: desired,
                devices: held.report.devices,
                listeningDevices: held.report.listeningDevices
            ).holds(socket)
        {
            return ReconciliationReport(after: held.report)
        }
        return try run(desired)
    }

    /// Says that the kernel may not hold any more what was written, as an event reported.
    public mutating func markDoubtful() { held = nil }

    private borrowing func removeDevice(_ change: Change, _ link: Link, _ report: inout ReconciliationReport) {
        report.requestCount += 1
        for family in report.devices.families where report.devices[family] == link.index {
            report.devices[family] = nil
        }
        do throws(NetlinkError) {
            try socket.removeLink(link.index)
            report.note(change)
        } catch {
            report.note(change, error)
        }
    }

    private borrowing func addDevice(
        _ change: Change,
        _ options: VXLANOptions,
        _ family: AddressFamily,
        _ report: inout ReconciliationReport
    ) {
        report.requestCount += 1
        do throws(NetlinkError) {
            report.devices[family] = try socket.addVXLAN(options)
            report.note(change)
        } catch {
            report.note(change, error)
        }
    }

    private borrowing func refuseAdvertisements(_ change: Change, _ name: String, _ report: inout ReconciliationReport)
    {
        do throws(SystemCallError) {
            if try Sysctl.ipv6(name, "accept_ra").ensure("0") { report.note(change) }
        } catch {
            switch error.number {
            // Without IPv6 there is no such file, nor without the device, whose failure is noted already.
            case .noSuchFile: break
            case .readOnlyFileSystem: report.noteListening(name)
            default: report.note(change, error)
            }
        }
    }

    private borrowing func refuseChecksumOffload(
        _ change: Change,
        _ family: AddressFamily,
        _ report: inout ReconciliationReport
    ) {
        guard let device = report.devices[family] else { return }
        do throws(NetlinkError) {
            let socket = try EthtoolSocket.open()
            report.requestCount += 1
            try socket.setFeature(.checksumOffload, of: device, isOn: false)
            report.note(change)
        } catch {
            report.note(change, error)
        }
    }

    private borrowing func perform(
        _ changes: [Change],
        _ uplinks: PerFamily<LinkIndex>,
        _ report: inout ReconciliationReport
    ) throws(NetlinkError) {
        var sent: [Change] = []
        var requests: [RouteRequest] = []
        for change in changes {
            do throws(NetlinkError) {
                guard let request = try change.request(uplinks, report.devices) else { continue }
                requests.append(request)
                sent.append(change)
            } catch {
                report.note(change, error)
            }
        }
        guard !requests.isEmpty else { return }
        report.requestCount += requests.count
        for (change, error) in zip(sent, try socket.performSeries(requests)) {
            if let error { report.note(change, error) } else { report.note(change) }
        }
    }
}
