// What glibc declares for _GNU_SOURCE only, which Swift does not define.
#define _GNU_SOURCE
#include "CFUSE.h"
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

int evh5_pipe(int ends[2], int non_blocking) { return pipe2(ends, O_CLOEXEC | (non_blocking ? O_NONBLOCK : 0)); }

int evh5_spawn_close_from(posix_spawn_file_actions_t *actions, int fd)
{
    return posix_spawn_file_actions_addclosefrom_np(actions, fd);
}

int evh5_spawn_new_session(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigemptyset(&none);
    int result = posix_spawnattr_setsigmask(attributes, &none);
    return result != 0 ? result : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
}
