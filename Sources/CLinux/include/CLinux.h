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

#endif
