// What tests of finished executables need and Swift cannot express: a child that is started with a
// deadline, a child that is stopped at one of its system calls, and a thread with a file system of its own.
#pragma once
#include <stddef.h>
#include <sys/types.h>

/// A program to be started with the given first three descriptors and nothing else open.
struct cprocess_program {
    const char *path;
    char *const *arguments;
    char *const *environment;
    int standard_input;
    int standard_output;
    int standard_error;
};

/// pipe2(2) with O_CLOEXEC. Returns 0, or -1 with errno.
int cprocess_pipe(int descriptors[2]);

/// Runs a program in a process group of its own, which is killed when the deadline passes and when the calling
/// thread ends. Returns 0 with the wait status, 1 when the deadline passed, or the negative errno.
int cprocess_run(const struct cprocess_program *program, int deadline_milliseconds, int *status);

/// Which of the processes of a traced program.
enum cprocess_role {
    /// The program that was started.
    CPROCESS_PROGRAM,
    /// Whatever it started: a plugin's delegate.
    CPROCESS_DELEGATE,
    /// Both.
    CPROCESS_ALL,
    /// The program from when it begins to read its standard input: without what it takes to start.
    CPROCESS_READER,
};

/// When a traced program gets a signal.
struct cprocess_plan {
    /// Whose system calls are counted, from 1; the program's own start is over by then.
    enum cprocess_role counted;
    /// Who gets the signal: the program, or the delegate that is at that call.
    enum cprocess_role victim;
    /// At the entry of which call; 0 for never.
    long call;
    /// Which signal.
    int signal;
};

/// What a traced program did.
struct cprocess_report {
    /// Its wait status.
    int status;
    /// How many system calls were counted.
    long calls;
    /// Whether the signal was sent.
    int delivered;
    /// The system call's number (asm/unistd.h) at which it was sent.
    long call_number;
    /// Whether the victim had begun to read its standard input by then.
    int had_read_input;
    /// Whether a process of the program outlived it by more than five seconds and had to be killed.
    int left_running;
    /// The wait status of the other program that ran meanwhile.
    int other_status;
    /// Whether the other program could not end before the first went on.
    int other_waited;
};

/// Runs a program under ptrace(2), with all it starts, until the last of these processes has ended.
/// It is killed by SIGALRM after ten seconds. Returns 0 or the negative errno.
int cprocess_trace(const struct cprocess_program *program, const struct cprocess_plan *plan,
                   struct cprocess_report *report);

/// Does the same, but instead of getting a signal the program stands still at that call while another program runs: to
/// its end, or for as long as it is waited for, in case it waits for the first one.
int cprocess_trace_beside(const struct cprocess_program *program, const struct cprocess_plan *plan,
                          const struct cprocess_program *other, int patience_milliseconds,
                          struct cprocess_report *report);

/// Something of the host that stays visible to a confined thread.
struct cprocess_view {
    /// A path on the host: a directory or a file.
    const char *source;
    /// The path under which it is seen, absolute.
    const char *target;
    int writable;
};

/// Gives the calling thread, and all it starts, a mount namespace whose root is an empty file system in memory
/// (64 MiB) with the given views, and with /proc, read-only but for /proc/sys/net. Not to be undone: for a thread
/// that ends afterwards. `scratch` is an empty directory. Returns 0 or the negative errno.
int cprocess_confine(const char *scratch, const struct cprocess_view *views, size_t count);
