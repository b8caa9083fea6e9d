// System calls that glibc hides behind _GNU_SOURCE, which a public header of a
// Swift module must not define, and the two pieces that cannot be written in Swift:
// the child's side of a spawn, and a signal handler.
#pragma once
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// setns(2) with CLONE_NEWNET. Returns 0, or the negative errno.
int clinux_enter_network_namespace(int descriptor);

/// unshare(2) with CLONE_NEWNET. Returns 0, or the negative errno.
int clinux_unshare_network_namespace(void);

/// A descriptor of a new network namespace that no thread lives in, or the negative errno.
int clinux_new_network_namespace(void);

/// memfd_create(2) with MFD_CLOEXEC. Returns the descriptor, or the negative errno.
int clinux_memory_file(const char *name);

/// pipe2(2) with O_CLOEXEC. Returns 0, or the negative errno.
int clinux_pipe(int descriptors[2]);

/// pidfd_open(2). Returns the descriptor, or the negative errno.
int clinux_process_descriptor(pid_t process);

/// renameat2(2) with RENAME_NOREPLACE. Returns 0, or the negative errno.
int clinux_rename_exclusively(const char *from, const char *to);

/// Starts a program whose first three descriptors are the given ones, with default
/// signal handling and an empty signal mask. It is killed when the calling thread dies.
/// Returns the process id, or the negative errno of whichever step failed, exec included.
pid_t clinux_spawn(const char *path, char *const arguments[], char *const environment[],
                   int standard_input, int standard_output, int standard_error);

/// Blocks SIGTERM, SIGINT and SIGHUP and notes their arrival; SIGPIPE is ignored.
void clinux_note_termination_signals(void);

/// The termination signal that has been noted, or 0.
int clinux_noted_termination_signal(void);

/// Drops the termination signals that have been noted or are pending.
void clinux_forget_termination_signals(void);

/// write(2) that raises no SIGPIPE. Returns the count, or the negative errno.
ssize_t clinux_write_without_signal(int descriptor, const void *bytes, size_t size);

/// Lets termination signals through (1) or holds them back (0).
void clinux_admit_termination_signals(int admit);

/// poll(2) on one descriptor during which termination signals are let through.
/// A negative timeout waits forever. Returns what ppoll returns, or the negative errno.
int clinux_wait_readable(int descriptor, int64_t timeout_nanoseconds);

/// One of the arguments the process was started with, the program's own name at 0; NULL past the end.
const char *clinux_argument(int index);

/// The name of an errno value such as "ENOENT", or NULL.
const char *clinux_errno_name(int number);
