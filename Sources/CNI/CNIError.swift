// swift-cni, SPDX-License-Identifier: Apache-2.0

public import JSON

/// A failure as the CNI specification reports it: a code, a sentence, and what more is known.
public struct CNIError: Error, Hashable, Sendable {
    /// Error codes of the specification (section 5, "Error"); from 100 on they are ours.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The number in the error document.
        public let rawValue: Int

        /// Creates a code from its number.
        public init(rawValue: Int) { self.rawValue = rawValue }

        /// 1: the configuration's version is not supported.
        public static let incompatibleVersion = Code(rawValue: 1)
        /// 2: a field is not supported; the message holds its key and value.
        public static let unsupportedField = Code(rawValue: 2)
        /// 3: the container is unknown or does not exist; nothing needs to be cleaned up.
        public static let unknownContainer = Code(rawValue: 3)
        /// 4: a required environment variable is missing or invalid.
        public static let invalidEnvironment = Code(rawValue: 4)
        /// 5: reading or writing failed.
        public static let inputOutput = Code(rawValue: 5)
        /// 6: content could not be decoded.
        public static let decoding = Code(rawValue: 6)
        /// 7: the network configuration is invalid.
        public static let invalidConfiguration = Code(rawValue: 7)
        /// 8: CNI_NETNS is unusable, or is the plugin's own namespace.
        public static let invalidNamespace = Code(rawValue: 8)
        /// 11: a temporary condition; the runtime should try again later.
        public static let tryAgainLater = Code(rawValue: 11)
        /// 50: the plugin is not available: it cannot serve ADD requests.
        public static let unavailable = Code(rawValue: 50)
        /// 51: the plugin is not available, and containers attached already may have limited connectivity.
        public static let limitedConnectivity = Code(rawValue: 51)

        /// 100: the kernel refused a change.
        public static let kernel = Code(rawValue: 100)
        /// 101: no address is left, or the requested one is not to be had.
        public static let addressUnavailable = Code(rawValue: 101)
        /// 102: the attachment, or a name it needs, exists already.
        public static let alreadyExists = Code(rawValue: 102)
        /// 103: what CHECK expects is missing or different.
        public static let checkFailed = Code(rawValue: 103)
        /// 104: a plugin could not be found, started, or gave no usable answer.
        public static let delegation = Code(rawValue: 104)
        /// 105: the state of the host conflicts with the configuration.
        public static let conflict = Code(rawValue: 105)
        /// 106: a signal ended the work; what had been done was undone.
        public static let interrupted = Code(rawValue: 106)
    }

    /// What kind of failure.
    public var code: Code
    /// One sentence: what was tried, what happened, and what to do.
    public var message: String
    /// More: what the kernel said, what could not be undone, what a delegate wrote.
    public var details: String

    /// Creates an error.
    public init(_ code: Code, _ message: String, details: String = "") {
        self.code = code
        self.message = message
        self.details = details
    }

    /// The same error with one more line of details.
    public func adding(details line: String) -> CNIError {
        guard !line.isEmpty else { return self }
        var error = self
        error.details = details.isEmpty ? line : "\(details)\n\(line)"
        return error
    }

    /// The error document in a version of the specification.
    public func document(version: SpecVersion) -> JSONValue {
        var object = JSONObject([
            ("cniVersion", .string(version.description)), ("code", .integer(Int64(code.rawValue))),
            ("msg", .string(message)),
        ])
        if !details.isEmpty { object["details"] = .string(details) }
        return .object(object)
    }

    /// Reads an error document; nil when the value is none.
    public init?(document: JSONValue) {
        guard let object = document.object, case .integer(let code)? = object["code"], let code = Int(exactly: code),
            code != 0
        else { return nil }
        self.init(
            Code(rawValue: code),
            object["msg"]?.string ?? "",
            details: object["details"]?.string ?? ""
        )
    }
}

extension CNIError: CustomStringConvertible {
    /// The message, the details in parentheses.
    public var description: String {
        details.isEmpty ? message : "\(message) (\(details))"
    }
}

extension CNIError {
    /// A document that is no JSON is code 6, one with the wrong content code 7.
    public init(_ error: JSONError, in document: String = "network configuration") {
        self.init(error.code == .syntax ? .decoding : .invalidConfiguration, "\(document): \(error)")
    }
}
