#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
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
