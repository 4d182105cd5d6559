// System calls of Linux that the C library has no function for, or that Swift cannot see.

#ifndef EVH5_CLINUX_H
#define EVH5_CLINUX_H

// openat2(2), close-on-exec, with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS: -1 and errno when it
// fails, ENOSYS on kernels before 5.6.
int evh5_open_beneath(int folder, const char *path, int flags);

// openat(2), close-on-exec, of an existing file.
int evh5_open_in(int folder, const char *name, int flags);

// renameat2(2) with RENAME_EXCHANGE: the two names change places at once.
int evh5_exchange(const char *one, const char *other);

// O_PATH, the flag of open(2).
int evh5_only_path(void);

// The name of an errno, as "ENOENT"; NULL when it has none.
const char *evh5_error_name(int number);

// mkostemp(3), close-on-exec.
int evh5_temporary_file(char *path);

// Starts a program with these three files, no other, a session of its own and all signals as at first; it may use so
// many seconds of processor time and bytes of address space. `arguments` end with NULL. 0, or an errno.
int evh5_start(
    const char *program, char *const arguments[], int input, int output, int errors, unsigned long seconds,
    unsigned long memory, int *process);

#endif
