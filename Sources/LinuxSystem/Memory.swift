// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// The process's own memory.
public enum Memory {
    /// Keeps the process small rather than fast; to be called before there are other threads.
    ///
    /// By default glibc gives each thread a heap, which keeps the most that it ever held, and puts ever larger arrays there.
    public static func keepSmall() {
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, 128 << 10)
    }

    /// Gives unused memory back to the kernel, such as what was needed for something that is done once in a while.
    public static func giveBack() { malloc_trim(0) }
}
