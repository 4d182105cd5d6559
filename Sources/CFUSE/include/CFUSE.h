// What Swift cannot do or see by itself: libfuse's variadic log lines, handlers that run in a signal, what glibc shows
// to _GNU_SOURCE only, and the INIT handshake that turns on shared mmap under direct I/O.
#ifndef CFUSE_H
#define CFUSE_H

#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 312
#endif
#include <fuse_lowlevel.h>
#include <spawn.h>
#include <sys/types.h>

/// Sends libfuse's log lines (of the whole process) to `sink`, formatted and without the newline.
void evh5_fuse_set_log(void (*sink)(int level, const char *line));

/// How evh5_fuse_init ended.
enum evh5_fuse_init_result {
    /// The kernel was told that shared maps of direct I/O files are allowed.
    EVH5_FUSE_INIT_MMAP = 0,
    /// Answered; the kernel does not offer shared maps under direct I/O (older than 6.6).
    EVH5_FUSE_INIT_PLAIN = 1,
    /// Nothing was read: the session's loop will answer INIT itself.
    EVH5_FUSE_INIT_LEFT_TO_LOOP = 2,
    /// The session cannot be used any more.
    EVH5_FUSE_INIT_FAILED = -1,
};

/// Answers the INIT request of a mounted session whose loop does not run yet, with FUSE_DIRECT_IO_ALLOW_MMAP and
/// FUSE_PARALLEL_DIROPS set in the reply when the kernel offered them.
enum evh5_fuse_init_result evh5_fuse_init(struct fuse_session *session);

/// From now on SIGTERM, SIGINT and SIGHUP write one byte, their number, to `fd` (several fds at a time may be
/// registered). A signal that was ignored stays ignored; the second SIGTERM or SIGINT does what it did before the
/// process began to listen to it. With `hangup_is_word` SIGHUP is no end but a word, also where it was ignored; that of
/// the first one registered counts. Returns 0, or -1 when too many are registered.
int evh5_fuse_signals_add(int fd, int hangup_is_word);
/// Ends that; with the last fd the former handlers come back.
void evh5_fuse_signals_remove(int fd);

/// Has signals that end a process by default, and that nobody means so (SIGUSR1, SIGUSR2, SIGALRM, real-time ones...),
/// do nothing, with `quit` SIGQUIT as well. Programs that are started have their defaults.
void evh5_fuse_ignore_other_signals(int quit);

/// When this process crashes, what happened and where is written to stderr, and from there, with `to_syslog`, sent to
/// syslog, with all that `last_words` (a pipe's end, or -1) holds. Handlers that are there already (Swift's own
/// backtraces) stay.
void evh5_fuse_report_crashes(int to_syslog, int last_words);

/// The signal that interrupts a blocked system call of a thread and does nothing else; its handler is installed by
/// this call.
int evh5_fuse_wake_signal(void);

/// Whether `fd` is an open /dev/fuse.
int evh5_fuse_is_device(int fd);

/// A pipe that other programs do not inherit. Returns 0 or -1 with errno.
int evh5_pipe(int ends[2], int non_blocking);
/// The started program inherits no descriptor from `fd` on.
int evh5_spawn_close_from(posix_spawn_file_actions_t *actions, int fd);
/// The started program gets a session, and so no terminal, and takes all signals.
int evh5_spawn_new_session(posix_spawnattr_t *attributes);

/// What can be asked of a mount.
enum evh5_question {
    /// A struct stat.
    EVH5_ASK_STAT,
    /// Whether statvfs, which the kernel never answers by itself, gets an answer.
    EVH5_ASK_STATVFS,
    /// A file's bytes.
    EVH5_ASK_BYTES,
};
/// Asks in a child process, and gives up when there is no answer in time. Returns the bytes that were put into `bytes`
/// (at most `room`), or the negative errno: -ETIMEDOUT when there was none.
ssize_t evh5_ask(enum evh5_question question, const char *path, int milliseconds, void *bytes, size_t room);

// malloc's own ways keep freed memory in an arena for each of many threads: reading a gigabyte at a memory target of
// 256 MiB left 300 MB there that nobody used. To be called before there are threads. Does nothing where the C library
// is not glibc.
void evh5_keep_memory_small(void);

#endif
