#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// linux/openat2.h and its numbers, which older headers do not have; the same on all processors.
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
struct how {
    uint64_t flags, mode, resolve;
};
enum { NO_MAGICLINKS = 0x02, NO_SYMLINKS = 0x04, BENEATH = 0x08 };

int evh5_open_beneath(int folder, const char *path, int flags) {
    struct how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = NO_MAGICLINKS | NO_SYMLINKS | BENEATH};
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

int evh5_open_in(int folder, const char *name, int flags) { return openat(folder, name, flags | O_CLOEXEC); }

int evh5_exchange(const char *one, const char *other) {
    return (int)syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, 2 /* RENAME_EXCHANGE */);
}

int evh5_only_path(void) { return O_PATH; }

const char *evh5_error_name(int number) { return strerrorname_np(number); }

int evh5_temporary_file(char *path) { return mkostemp(path, O_CLOEXEC); }

int evh5_start(
    const char *program, char *const arguments[], int input, int output, int errors, unsigned long seconds,
    unsigned long memory, int *process) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_adddup2(&files, input, 0);
    posix_spawn_file_actions_adddup2(&files, output, 1);
    posix_spawn_file_actions_adddup2(&files, errors, 2);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    pid_t started = 0;
    int result = posix_spawn(&started, program, &files, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (result == 0) {
        struct rlimit time = {seconds, seconds}, space = {memory, memory}, core = {0, 0};
        prlimit(started, RLIMIT_CPU, &time, NULL);
        prlimit(started, RLIMIT_AS, &space, NULL);
        prlimit(started, RLIMIT_CORE, &core, NULL);
        *process = started;
    }
    return result;
}
