// What worker processes need of glibc that it shows to _GNU_SOURCE only, and the header for libraries of users.
#ifndef CPREPROCESSING_H
#define CPREPROCESSING_H

#include "evh5_preprocessing.h"
#include <sys/types.h>

/// A file of no name in memory that other programs do not inherit; -1 with errno. Its size can never shrink, so that
/// whoever has it mapped is never left without memory.
int evh5_memory_create(const char *name);
/// As above, with these bytes, which nobody can change any more.
int evh5_memory_copy(const char *name, const void *bytes, size_t count);
/// mremap(2), to wherever there is room; MAP_FAILED is nil.
void *evh5_memory_remap(void *base, size_t old_size, size_t new_size);
/// Gives the memory of this part back; it reads as zeros from then on.
void evh5_memory_discard(int fd, off_t offset, off_t count);

/// Starts `program` (looked for in PATH) in a session of its own, in /, with /dev/null as input, `output` as output and
/// error, and `fds` as 3, 4, ...; nothing else is open there. All of them must be at least 3 + `count`. Returns 0 or an
/// errno.
int evh5_worker_spawn(
    pid_t *process, const char *program, char *const arguments[], char *const environment[], int output, const int *fds, int count);

/// A pipe that other programs do not inherit. Returns 0 or -1 with errno.
int evh5_worker_pipe(int ends[2]);
/// From now on the process is killed when the other end of the pipe `fd` is closed, whatever it is doing then.
int evh5_die_with(int fd);

#endif
