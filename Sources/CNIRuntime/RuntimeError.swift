// swift-cni, SPDX-License-Identifier: Apache-2.0

public import CNI
public import CNIExecution

/// A failure of a runtime's work: what is wrong and, when a plugin was at work, which and at what.
public struct RuntimeError: Error, Hashable, Sendable {
    /// One plugin of a chain at work.
    public struct Step: Hashable, Sendable {
        /// What it was asked.
        public let verb: Verb
        /// The plugin's type, the name of its executable.
        public let plugin: String
        /// Its place in the list, from 1.
        public let position: Int
        /// How many plugins the list has.
        public let count: Int
        /// The network's name.
        public let network: String
    }

    /// The plugin that failed; nil when none was at work.
    public let step: Step?
    /// What is wrong.
    ///
    /// A plugin's own error is kept with its code.
    public let cause: CNIError
    /// What failed besides: steps that a rollback could not undo, further plugins of a garbage collection.
    public var consequences: [RuntimeError] = []

    /// A failure outside any plugin.
    public init(_ code: CNIError.Code, _ message: String, details: String = "") {
        step = nil
        cause = CNIError(code, message, details: details)
    }

    /// A failure that is known already as an error of a plugin or of a document.
    public init(_ cause: CNIError, at step: Step? = nil) {
        self.step = step
        self.cause = cause
    }
}

extension RuntimeError.Step: CustomStringConvertible {
    /// Such as "DEL of network \"pods\": plugin 2 of 3, portmap".
    public var description: String {
        "\(verb.rawValue) of network \"\(network)\": plugin \(position) of \(count), \(plugin)"
    }
}

extension RuntimeError: CustomStringConvertible {
    /// The step, the cause, and a line for each consequence.
    public var description: String {
        var text = step.map { "\($0): " } ?? ""
        text += cause.message
        if step != nil { text += " (code \(cause.code.rawValue))" }
        if !cause.details.isEmpty { text += "\n  " + cause.details.split(separator: "\n").joined(separator: "\n  ") }
        for consequence in consequences { text += "\nbesides: \(consequence)" }
        return text
    }
}
