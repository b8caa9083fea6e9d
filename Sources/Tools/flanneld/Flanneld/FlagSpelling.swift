// swift-cni, SPDX-License-Identifier: Apache-2.0

/// How flannel's flags are spelled on the command line and in the environment, brought into one form.
///
/// flannel's own flags take one dash or two, and booleans with or without a value: `-ip-masq`, `--ip-masq`,
/// `--ip-masq=true`. Each can be given as `FLANNELD_<FLAG>` in the environment, upper case with underscores, which counts
/// when the flag is not on the command line.
struct FlagSpelling {
    /// Flags with a value.
    let valued: Set<String>
    /// Flags that are true or false; without a value they are true.
    let boolean: Set<String>

    /// A flag that cannot be understood.
    struct Failure: Error, Hashable, CustomStringConvertible {
        /// What is wrong and what would be right.
        let description: String
    }

    /// The arguments with every flag as `--flag=value`, the environment's behind those of the command line.
    ///
    /// - Parameters:
    ///   - arguments: Without the program's name.
    ///   - environment: `NAME=value`.
    func canonical(_ arguments: [String], environment: [String]) throws(Failure) -> [String] {
        var result: [String] = []
        var given: Set<String> = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-"), argument != "-", argument != "--" else {
                result.append(argument)
                continue
            }
            let spelled = argument.drop { $0 == "-" }
            let parts = spelled.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard valued.contains(name) || boolean.contains(name) else {
                // Not flannel's: the argument parser knows it, or says that it does not.
                result.append(argument)
                continue
            }
            given.insert(name)
            if parts.count == 2 {
                result += Self.words(name, try value(of: name, String(parts[1]), from: argument))
            } else if boolean.contains(name) {
                result.append("--\(name)=true")
            } else if let next = rest.popFirst() {
                result += Self.words(name, next)
            } else {
                throw Failure(description: "--\(name) needs a value: --\(name)=…")
            }
        }
        return result + (try fromEnvironment(environment, except: given))
    }

    private func fromEnvironment(_ environment: [String], except given: Set<String>) throws(Failure) -> [String] {
        var names: [String: String] = [:]
        for flag in valued.union(boolean) {
            names[flag.uppercased().replacing("-", with: "_")] = flag
        }
        var result: [String] = []
        for entry in environment.sorted() {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            // An empty variable is none, as in flannel.
            guard parts.count == 2, !parts[1].isEmpty, parts[0].hasPrefix("FLANNELD_"),
                let flag = names[String(parts[0].dropFirst("FLANNELD_".count))], !given.contains(flag)
            else { continue }
            result += Self.words(flag, try value(of: flag, String(parts[1]), from: String(parts[0])))
        }
        return result
    }

    /// A flag with its value as the argument parser takes it: behind "=" it wants one that is not empty.
    private static func words(_ name: String, _ value: String) -> [String] {
        value.isEmpty ? ["--\(name)", ""] : ["--\(name)=\(value)"]
    }

    /// Booleans in all the forms that flannel takes.
    private func value(of name: String, _ value: String, from source: String) throws(Failure) -> String {
        guard boolean.contains(name) else { return value }
        switch value {
        case "1", "t", "T", "true", "TRUE", "True": return "true"
        case "0", "f", "F", "false", "FALSE", "False": return "false"
        default: throw Failure(description: "\(source): \"\(value)\" is neither true nor false")
        }
    }
}
