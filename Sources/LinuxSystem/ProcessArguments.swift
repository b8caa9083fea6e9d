// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// The words the process was started with.
public enum ProcessArguments {
    /// The words after the program's name.
    ///
    /// `CommandLine.arguments` is empty where /proc is not mounted; this is not.
    public static var all: [String] {
        var words: [String] = []
        while let word = clinux_argument(Int32(words.count + 1)) { words.append(String(cString: word)) }
        return words
    }
}
