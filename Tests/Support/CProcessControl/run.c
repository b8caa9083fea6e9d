// swift-cni, SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void cprocess_become(const struct cprocess_program *program) {
    // Copied above the first three at first: one of them may be another's target.
    const int given[3] = {program->standard_input, program->standard_output, program->standard_error};
    int raised[3];
    for (int i = 0; i < 3; i++) raised[i] = fcntl(given[i], F_DUPFD_CLOEXEC, 3);
    for (int i = 0; i < 3; i++)
        if (raised[i] < 0 || dup2(raised[i], i) < 0) _exit(126);
    syscall(SYS_close_range, 3u, ~0u, 0u);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(program->path, program->arguments, program->environment);
    _exit(127);
}

int cprocess_pipe(int descriptors[2]) { return pipe2(descriptors, O_CLOEXEC); }

int cprocess_run(const struct cprocess_program *program, int deadline_milliseconds, int *status) {
    pid_t parent = getpid();
    pid_t child = vfork();
    if (child < 0) return -errno;
    if (child == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(126);
        cprocess_become(program);
    }
    int expired = 0;
    struct pollfd notice = {.fd = (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN};
    int ready;
    do ready = poll(&notice, 1, deadline_milliseconds);
    while (ready < 0 && errno == EINTR);
    close(notice.fd);
    if (ready <= 0) {
        expired = 1;
        kill(-child, SIGKILL);
    }
    while (waitpid(child, status, 0) < 0)
        if (errno != EINTR) return -errno;
    return expired;
}
