// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import ForeignForwarding
internal import IPAddresses
public import LinuxSystem
public import NFTables
public import Netlink

/// Makes the kernel's packet filter hold the ``TrafficRules``.
///
/// A run reads what is there, compares all of it, and writes the difference in one transaction; where nothing differs it writes
/// nothing. A transaction holds only if nothing has changed since it was planned. It is synchronous, and it is used in the
/// network namespace that its socket was opened in.
public struct TrafficRuleKeeper: ~Copyable {
    /// How the remarks of the daemon's rules in `CNI-FORWARD` begin.
    static var forwardUser: String { "flanneld forward" }

    private let socket: NFTablesSocket

    /// Uses a socket; keep it: after a deletion, closing it waits.
    public init(_ socket: consuming NFTablesSocket) { self.socket = socket }

    /// Opens a socket in the calling thread's namespace.
    public static func open() throws(NetlinkError) -> TrafficRuleKeeper { TrafficRuleKeeper(try .open()) }

    /// Opens a socket in another namespace.
    public static func open(in namespace: borrowing NetworkNamespace) throws(NetlinkError) -> TrafficRuleKeeper {
        TrafficRuleKeeper(try .open(in: namespace))
    }

    /// Reads the kernel, compares, and writes the difference.
    ///
    /// - Parameter removingLeftovers: Whether rules that flannel left are removed as well, in the same transaction. That is
    ///   for the first run: while a flannel lives, it puts them back.
    /// - Throws: What keeps the rules in our own table from being as they should.
    public borrowing func run(
        _ rules: TrafficRules,
        removingLeftovers: Bool = false
    ) throws(NetlinkError) -> TrafficRuleReport {
        try settle { (attempt, plan) throws(NetlinkError) in
            plan.report.hasLegacyTables = removingLeftovers && LegacyIPTables.arePresent
            let leftovers =
                removingLeftovers && !attempt.omits(.leftovers) ? try FlannelLeftovers.read(socket) : FlannelLeftovers()
            var foreign = PerFamily<ForeignForwardChain>()
            for family in AddressFamily.allCases {
                let chain = try ForeignForwardChain.read(family, socket)
                foreign[family] = chain
                let mayDrop = chain.mayDrop(ignoring: leftovers.rules(of: chain.table))
                if rules.grantsForwarding, rules.scopes[family] != nil, mayDrop {
                    plan.report.forwardingFamilies.append(family)
                }
            }
            let desired = rules.desiredTable(markingForwarded: plan.report.forwardingFamilies)
            try desired.appendRepairs(
                of: try desired.read(socket),
                remaking: attempt.isRemaking,
                to: &plan.transaction,
                &plan.report.repairs
            )
            for family in AddressFamily.allCases where !attempt.omits(.foreignForwardChain(family)) {
                plan.begin(.foreignForwardChain(family))
                guard let chain = foreign[family] else { continue }
                try append(
                    chain,
                    isNeeded: plan.report.forwardingFamilies.contains(family),
                    rules.forwardMark,
                    to: &plan
                )
            }
            plan.begin(.leftovers)
            try leftovers.appendRemoval(to: &plan.transaction, &plan.report.repairs)
        }
    }

    /// Removes all that is ours: the table, and what was put into iptables' `FORWARD`.
    public borrowing func remove() throws(NetlinkError) -> TrafficRuleReport {
        let nothing = TrafficRules(scopes: PerFamily(), masquerades: false, grantsForwarding: false)
        return try run(nothing)
    }

    private borrowing func append(
        _ chain: ForeignForwardChain,
        isNeeded: Bool,
        _ mark: UInt32,
        to plan: inout Plan
    ) throws(NetlinkError) {
        let start = plan.transaction.stepCount
        if isNeeded {
            let acceptance = ForwardAcceptance(user: Self.forwardUser, markBit: mark, place: .last, isOnly: true)
            try chain.appendMissing(acceptance, socket, to: &plan.transaction)
        } else {
            try chain.appendRemoval(of: Self.forwardUser, socket, to: &plan.transaction)
        }
        if plan.transaction.stepCount > start {
            plan.report.repairs[isNeeded ? .forwardAcceptanceSet : .forwardAcceptanceRemoved, default: 0] += 1
        }
    }

    // MARK: Transactions

    /// A transaction that is being put together, and what it will have done.
    private struct Plan: ~Copyable {
        var transaction = Transaction()
        var report = TrafficRuleReport()
        /// The parts that can be done without, by their first steps; what comes before is our own table.
        private(set) var parts: [(firstStep: Int, part: TrafficRuleReport.Part)] = []

        mutating func begin(_ part: TrafficRuleReport.Part) { parts.append((transaction.stepCount, part)) }
    }

    /// What the kernel would not do before.
    private struct Attempt {
        /// Whether the table is made anew rather than mended.
        var isRemaking = false
        var failures: [TrafficRuleReport.Failure] = []

        func omits(_ part: TrafficRuleReport.Part) -> Bool { failures.contains { $0.part == part } }
    }

    /// Commits what a closure makes of the present state, again and again until nothing came between; without a part that the
    /// kernel refuses.
    private borrowing func settle(
        _ fill: (Attempt, inout Plan) throws(NetlinkError) -> Void
    ) throws(NetlinkError) -> TrafficRuleReport {
        var attempt = Attempt()
        let deadline = Deadline.after(.seconds(5))
        repeat {
            let generation = try socket.generation()
            var plan = Plan()
            try fill(attempt, &plan)
            var report = plan.report
            report.stepCount = plan.transaction.stepCount
            report.failures = attempt.failures
            let parts = plan.parts
            switch try socket.commit(plan.transaction, ifGeneration: generation) {
            case .committed: return report
            case .outdated: break
            case .refused(let refusals):
                guard let refusal = refusals.min(by: { $0.step < $1.step }) else { return report }
                if let part = parts.last(where: { $0.firstStep <= refusal.step })?.part {
                    let failure = TrafficRuleReport.Failure(
                        part: part,
                        number: refusal.error.number,
                        description: "\(refusal.error)"
                    )
                    attempt.failures.append(failure)
                } else if !attempt.isRemaking {
                    attempt.isRemaking = true
                } else {
                    throw refusal.error
                }
            }
        } while deadline.remainingNanoseconds > 0
        throw NetlinkError(
            .interrupted,
            operation: "set the rules of table \(TrafficRules.table)",
            number: .tryAgain,
            detail: "other programs change rulesets all the time; look for the one with: nft monitor"
        )
    }
}
