// fork(2), which Swift does not import: a forked child does not share its parent's memory, as a spawned one
// does until it executes, and the kernel counts what a process has ever had as its peak memory.
#pragma once
#include <sys/types.h>

/// Starts a program in a forked child with two descriptors as its standard input, and output and error, and no others.
/// Returns the process id, or the negative errno of the fork. A child that cannot execute exits with 127.
pid_t cforkexec_start(const char *path, char *const arguments[], char *const environment[],
                      int standard_input, int standard_output);
