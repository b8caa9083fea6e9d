// swift-cni, SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CForkExec.h"

#include <errno.h>
#include <unistd.h>

pid_t cforkexec_start(const char *path, char *const arguments[], char *const environment[],
                      int standard_input, int standard_output) {
    pid_t child = fork();
    if (child < 0) return -errno;
    if (child == 0) {
        if (dup2(standard_input, 0) < 0 || dup2(standard_output, 1) < 0 || dup2(standard_output, 2) < 0) _exit(127);
        close_range(3, ~0U, 0);
        execve(path, arguments, environment);
        _exit(127);
    }
    return child;
}
