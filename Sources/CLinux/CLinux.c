// swift-cni, SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clinux_enter_network_namespace(int descriptor) {
    return setns(descriptor, CLONE_NEWNET) == 0 ? 0 : -errno;
}

int clinux_unshare_network_namespace(void) {
    return unshare(CLONE_NEWNET) == 0 ? 0 : -errno;
}

static void *make_namespace(void *result) {
    int descriptor = -1;
    if (unshare(CLONE_NEWNET) == 0)
        descriptor = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    *(int *)result = descriptor >= 0 ? descriptor : -errno;
    return NULL;
}

// A thread of its own unshares and ends: the caller's namespace is never touched, so
// nothing has to be switched back.
int clinux_new_network_namespace(void) {
    pthread_t thread;
    int result = -1;
    int failure = pthread_create(&thread, NULL, make_namespace, &result);
    if (failure != 0) return -failure;
    pthread_join(thread, NULL);
    return result;
}

int clinux_memory_file(const char *name) {
    int descriptor = memfd_create(name, MFD_CLOEXEC);
    return descriptor >= 0 ? descriptor : -errno;
}

int clinux_pipe(int descriptors[2]) {
    return pipe2(descriptors, O_CLOEXEC) == 0 ? 0 : -errno;
}

int clinux_process_descriptor(pid_t process) {
    int descriptor = (int)syscall(SYS_pidfd_open, process, 0);
    return descriptor >= 0 ? descriptor : -errno;
}

int clinux_rename_exclusively(const char *from, const char *to) {
    return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1 /* RENAME_NOREPLACE */) == 0 ? 0 : -errno;
}

pid_t clinux_spawn(const char *path, char *const arguments[], char *const environment[],
                   int standard_input, int standard_output, int standard_error) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    // Written by the child before it ends: vfork shares the memory and returns only after exec or exit.
    volatile int failure = 0;
    pid_t child = vfork();
    if (child == 0) {
        const int descriptors[3] = {standard_input, standard_output, standard_error};
        for (int i = 0; i < 3; i++) {
            // dup2 of a descriptor onto itself would leave its close-on-exec flag set.
            if (descriptors[i] == i ? fcntl(i, F_SETFD, 0) < 0 : dup2(descriptors[i], i) < 0) {
                failure = errno;
                _exit(127);
            }
        }
        // Not all that opens files says that they are to be closed; before Linux 5.11 what does not is inherited.
        syscall(SYS_close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
        const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
        for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) signal(signals[i], SIG_DFL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        // The parent may have died between the fork and the line above.
        if (getppid() != parent) _exit(127);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execve(path, arguments, environment);
        failure = errno;
        _exit(127);
    }
    int forked = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (child < 0) return -forked;
    if (failure != 0) {
        int status;
        while (syscall(SYS_wait4, child, &status, 0, NULL) < 0 && errno == EINTR) {}
        return -failure;
    }
    return child;
}

static volatile sig_atomic_t noted_signal;

static void note_signal(int number) { noted_signal = number; }

static void termination_signals(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

void clinux_note_termination_signals(void) {
    sigset_t set;
    termination_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct sigaction action = {.sa_handler = note_signal};  // no SA_RESTART: waits must end
    sigaction(SIGTERM, &action, NULL);
    const int ignorable[] = {SIGINT, SIGHUP};
    for (unsigned i = 0; i < sizeof ignorable / sizeof *ignorable; i++) {
        struct sigaction inherited;
        // A background job of a shell, or nohup: what was ignored on purpose stays ignored.
        if (sigaction(ignorable[i], NULL, &inherited) == 0 && inherited.sa_handler == SIG_IGN) continue;
        sigaction(ignorable[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    // Ignored, it would have the kernel reap children whose exit status is wanted.
    signal(SIGCHLD, SIG_DFL);
}

int clinux_noted_termination_signal(void) {
    if (noted_signal == 0) {
        sigset_t pending;
        if (sigpending(&pending) == 0) {
            if (sigismember(&pending, SIGTERM)) return SIGTERM;
            if (sigismember(&pending, SIGINT)) return SIGINT;
            if (sigismember(&pending, SIGHUP)) return SIGHUP;
        }
    }
    return noted_signal;
}

void clinux_forget_termination_signals(void) {
    sigset_t set;
    termination_signals(&set);
    // What is blocked and pending has been seen by clinux_noted_termination_signal as well.
    const struct timespec now = {0, 0};
    while (sigtimedwait(&set, NULL, &now) > 0) {}
    noted_signal = 0;
}

ssize_t clinux_write_without_signal(int descriptor, const void *bytes, size_t size) {
    sigset_t pipe, pending, before;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    ssize_t result = write(descriptor, bytes, size);
    int failure = errno;
    // The signal of this write is taken back; one that was pending before is somebody else's.
    // It also comes with a write that is cut short, when the reader leaves in the middle.
    const struct timespec now = {0, 0};
    if (result < (ssize_t)size && !sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR) {}
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result >= 0 ? result : -failure;
}

void clinux_admit_termination_signals(int admit) {
    sigset_t set;
    termination_signals(&set);
    sigprocmask(admit ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

int clinux_wait_readable(int descriptor, int64_t timeout_nanoseconds) {
    struct pollfd entry = {.fd = descriptor, .events = POLLIN};
    struct timespec timeout = {timeout_nanoseconds / 1000000000, timeout_nanoseconds % 1000000000};
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    sigdelset(&mask, SIGTERM);
    sigdelset(&mask, SIGINT);
    sigdelset(&mask, SIGHUP);
    int result = ppoll(&entry, 1, timeout_nanoseconds < 0 ? NULL : &timeout, &mask);
    return result >= 0 ? result : -errno;
}

static int argument_count;
static char **arguments;

// Swift reads its arguments from /proc/self/cmdline and has none where that is missing. glibc hands them to
// constructors as well as to main.
__attribute__((constructor)) static void note_arguments(int count, char **list) {
    argument_count = count;
    arguments = list;
}

const char *clinux_argument(int index) { return index >= 0 && index < argument_count ? arguments[index] : NULL; }

const char *clinux_errno_name(int number) { return strerrorname_np(number); }

// The Swift runtime finds itself through /proc/self/exe before main and aborts where /proc is
// not mounted (a chroot, an early init). This definition wins over the C library's in a static
// link and answers with the path the kernel was given to execute.
ssize_t readlink(const char *restrict path, char *restrict buffer, size_t size) {
    ssize_t result = syscall(SYS_readlinkat, AT_FDCWD, path, buffer, size);
    if (result < 0 && strcmp(path, "/proc/self/exe") == 0) {
        const char *executed = (const char *)getauxval(AT_EXECFN);
        if (executed == NULL) return result;
        size_t length = strlen(executed);
        if (length > size) length = size;
        memcpy(buffer, executed, length);
        return (ssize_t)length;
    }
    return result;
}
