// What glibc declares for _GNU_SOURCE only, which Swift does not define.
#define _GNU_SOURCE
#include "CFUSE.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int evh5_fuse_is_device(int fd)
{
    struct stat status;
    // 10 is "misc", 229 FUSE (Documentation/admin-guide/devices.txt).
    return fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && major(status.st_rdev) == 10 && minor(status.st_rdev) == 229;
}

int evh5_pipe(int ends[2], int non_blocking) { return pipe2(ends, O_CLOEXEC | (non_blocking ? O_NONBLOCK : 0)); }

int evh5_spawn_close_from(posix_spawn_file_actions_t *actions, int fd)
{
    return posix_spawn_file_actions_addclosefrom_np(actions, fd);
}

int evh5_spawn_new_session(posix_spawnattr_t *attributes)
{
    sigset_t none, ending;
    sigemptyset(&none);
    // What a script starts with & ignores SIGINT, and so would the daemon; but whoever sends it a signal means it.
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGHUP);
    int result = posix_spawnattr_setsigmask(attributes, &none);
    if (result == 0)
        result = posix_spawnattr_setsigdefault(attributes, &ending);
    const short flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    return result != 0 ? result : posix_spawnattr_setflags(attributes, flags);
}
