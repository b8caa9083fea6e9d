// swift-cni, SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// The process's own memory.
public enum Memory {
    /// Has all threads share one heap that shrinks with ``giveBack()`` only; to be called before there are other threads.
    ///
    /// By default glibc gives each thread a heap, which keeps the most that it ever held, and puts ever larger arrays there.
    /// And it lets go of what is free at a heap's end at once, only to ask for it again, page by page, a moment later.
    public static func shareOneHeap() {
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, 128 << 10)
        mallopt(M_TRIM_THRESHOLD, 1 << 30)
    }

    /// Gives unused memory back to the kernel, such as what was needed for something that is over.
    public static func giveBack() { malloc_trim(0) }
}
