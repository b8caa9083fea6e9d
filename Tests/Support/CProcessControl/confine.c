// swift-cni, SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CProcessControl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/// Makes the directories above a path.
static void make_parents(const char *path) {
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(copy, 0755);
        *slash = '/';
    }
}

static int show(const char *root, const struct cprocess_view *view) {
    char target[PATH_MAX];
    snprintf(target, sizeof target, "%s%s", root, view->target);
    struct stat status;
    if (stat(view->source, &status) < 0) return -errno;
    make_parents(target);
    if (S_ISDIR(status.st_mode)) {
        mkdir(target, 0755);
    } else {
        int file = open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
        if (file >= 0) close(file);
    }
    if (mount(view->source, target, NULL, MS_BIND, NULL) < 0) return -errno;
    if (view->writable) return 0;
    return mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0 ? -errno : 0;
}

int cprocess_confine(const char *scratch, const struct cprocess_view *views, size_t count) {
    if (unshare(CLONE_NEWNS | CLONE_FS) < 0) return -errno;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return -errno;
    if (mount("tmpfs", scratch, "tmpfs", MS_NODEV, "size=64m") < 0) return -errno;
    const struct cprocess_view kernel[] = {
        {"/proc", "/proc", 0},
        {"/proc/sys/net", "/proc/sys/net", 1},
    };
    int result = 0;
    for (size_t i = 0; i < 2 && result == 0; i++) result = show(scratch, &kernel[i]);
    for (size_t i = 0; i < count && result == 0; i++) result = show(scratch, &views[i]);
    if (result < 0) return result;
    if (chroot(scratch) < 0 || chdir("/") < 0) return -errno;
    return 0;
}
