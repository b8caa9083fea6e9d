// swift-cni, SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "start.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAXIMUM_TASKS = 256 };

/// A thread of one of the traced processes.
struct task {
    pid_t id;
    enum cprocess_role role;
};

struct tracing {
    const struct cprocess_plan *plan;
    struct cprocess_report *report;
    pid_t program;
    int started;
    const struct cprocess_program *other;
    int patience_milliseconds;
    /// The other program while it runs, else 0.
    pid_t other_id;
    struct task tasks[MAXIMUM_TASKS];
    int count;
};

/// The process a thread belongs to.
static pid_t process_of(pid_t task) {
    char path[64], line[128];
    snprintf(path, sizeof path, "/proc/%d/status", task);
    FILE *file = fopen(path, "re");
    pid_t process = task;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "Tgid: %d", &process) == 1) break;
    if (file != NULL) fclose(file);
    return process;
}

/// The task with an id; new ones are noted, and `is_new` says so.
static struct task *task_of(struct tracing *tracing, pid_t id, int *is_new) {
    *is_new = 0;
    for (int i = 0; i < tracing->count; i++)
        if (tracing->tasks[i].id == id) return &tracing->tasks[i];
    if (tracing->count == MAXIMUM_TASKS) return NULL;
    *is_new = 1;
    struct task *task = &tracing->tasks[tracing->count++];
    task->id = id;
    task->role = process_of(id) == tracing->program ? CPROCESS_PROGRAM : CPROCESS_DELEGATE;
    return task;
}

static void forget(struct tracing *tracing, pid_t id) {
    for (int i = 0; i < tracing->count; i++)
        if (tracing->tasks[i].id == id) tracing->tasks[i] = tracing->tasks[--tracing->count];
}

/// Runs the other program for as long as it may take.
static int run_other(struct tracing *tracing) {
    pid_t id = fork();
    if (id < 0) return -1;
    if (id == 0) {
        setpgid(0, 0);
        alarm(10);
        cprocess_become(tracing->other);
    }
    struct pollfd notice = {.fd = (int)syscall(SYS_pidfd_open, id, 0), .events = POLLIN};
    int ready;
    do ready = poll(&notice, 1, tracing->patience_milliseconds);
    while (ready < 0 && errno == EINTR);
    close(notice.fd);
    if (ready > 0) return waitpid(id, &tracing->report->other_status, 0) < 0 ? -1 : 0;
    tracing->other_id = id;
    tracing->report->other_waited = 1;
    return 0;
}

static void note_entry(struct tracing *tracing, const struct task *task) {
    struct __ptrace_syscall_info call;
    memset(&call, 0, sizeof call);
    if (ptrace(PTRACE_GET_SYSCALL_INFO, task->id, sizeof call, &call) < 0) return;
    if (call.op != PTRACE_SYSCALL_INFO_ENTRY || !tracing->started) return;
    const struct cprocess_plan *plan = tracing->plan;
    struct cprocess_report *report = tracing->report;
    if (task->role == plan->victim && call.entry.nr == SYS_read && call.entry.args[0] == 0 && !report->delivered)
        report->had_read_input = 1;
    if (plan->counted == CPROCESS_READER) {
        if (task->role != CPROCESS_PROGRAM || !report->had_read_input) return;
    } else if (plan->counted != CPROCESS_ALL && plan->counted != task->role) {
        return;
    }
    report->calls++;
    if (report->calls != plan->call) return;
    pid_t victim = plan->victim == CPROCESS_PROGRAM ? tracing->program : process_of(task->id);
    if ((tracing->other != NULL ? run_other(tracing) : kill(victim, plan->signal)) < 0) return;
    report->delivered = 1;
    report->call_number = (long)call.entry.nr;
}

/// Handles one stop and lets the task go on.
static void handle_stop(struct tracing *tracing, pid_t id, int status) {
    int is_new = 0;
    const struct task *task = task_of(tracing, id, &is_new);
    int signal = WSTOPSIG(status), event = status >> 16;
    if (event == PTRACE_EVENT_EXEC && id == tracing->program) tracing->started = 1;
    if (signal == (SIGTRAP | 0x80)) {
        if (task != NULL) note_entry(tracing, task);
        signal = 0;
    } else if (event != 0 || (is_new && signal == SIGSTOP)) {
        // A new task stops itself once; that is not for it to see.
        signal = 0;
    }
    // ESRCH: it was killed meanwhile, and its end will be reported.
    ptrace(PTRACE_SYSCALL, id, 0, signal);
}

int cprocess_trace(const struct cprocess_program *program, const struct cprocess_plan *plan,
                   struct cprocess_report *report) {
    return cprocess_trace_beside(program, plan, NULL, 0, report);
}

static int trace(const struct cprocess_program *program, const struct cprocess_plan *plan,
                 const struct cprocess_program *other, int patience_milliseconds, struct cprocess_report *report) {
    memset(report, 0, sizeof *report);
    struct tracing tracing = {
        .plan = plan, .report = report, .other = other, .patience_milliseconds = patience_milliseconds};
    tracing.program = fork();
    if (tracing.program < 0) return -errno;
    if (tracing.program == 0) {
        setpgid(0, 0);
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        alarm(10);
        cprocess_become(program);
    }
    int status, is_new;
    if (waitpid(tracing.program, &status, __WALL) < 0) return -errno;
    task_of(&tracing, tracing.program, &is_new);
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                   PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SETOPTIONS, tracing.program, 0, options) < 0) return -errno;
    ptrace(PTRACE_SYSCALL, tracing.program, 0, 0);

    int waited_milliseconds = 0, program_ended = 0;
    while (1) {
        // Only children of this thread, which has no others: those of other tests are not to be waited for here.
        pid_t id = waitpid(-1, &status, __WALL | __WNOTHREAD | (program_ended ? WNOHANG : 0));
        if (id < 0 && errno == EINTR) continue;
        if (id < 0) break;
        if (id > 0 && id == tracing.other_id) {
            report->other_status = status;
            tracing.other_id = 0;
        } else if (id == 0) {
            if (waited_milliseconds == 5000) {
                report->left_running = 1;
                for (int i = 0; i < tracing.count; i++) kill(tracing.tasks[i].id, SIGKILL);
            }
            waited_milliseconds++;
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        } else if (WIFSTOPPED(status)) {
            handle_stop(&tracing, id, status);
        } else {
            forget(&tracing, id);
            if (id == tracing.program) {
                program_ended = 1;
                report->status = status;
            }
        }
    }
    return program_ended ? 0 : -ECHILD;
}

struct job {
    const struct cprocess_program *program, *other;
    const struct cprocess_plan *plan;
    int patience_milliseconds, result;
    struct cprocess_report *report;
};

static void *do_job(void *argument) {
    struct job *job = argument;
    job->result = trace(job->program, job->plan, job->other, job->patience_milliseconds, job->report);
    return NULL;
}

int cprocess_trace_beside(const struct cprocess_program *program, const struct cprocess_plan *plan,
                          const struct cprocess_program *other, int patience_milliseconds,
                          struct cprocess_report *report) {
    struct job job = {
        .program = program, .other = other, .plan = plan,
        .patience_milliseconds = patience_milliseconds, .report = report};
    // A thread of its own, in the namespaces of the caller: the caller's may have started programs for other tests, and
    // whoever waits for any child would take theirs.
    pthread_t thread;
    int number = pthread_create(&thread, NULL, do_job, &job);
    if (number != 0) return -number;
    pthread_join(thread, NULL);
    return job.result;
}
