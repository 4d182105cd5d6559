// Questions to a mount whose daemon may be stopped or hang. A thread that waits for such a mount may not end even by a
// kill, and a process with it; so a child asks, and is left behind when it gets no answer.
#define _GNU_SOURCE
#include "CFUSE.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// What the child does: only calls that are safe after fork in a process with threads (signal-safety(7)).
static int answer(enum evh5_question question, const char *path, int out)
{
    struct stat status;
    struct statvfs figures;
    switch (question) {
    case EVH5_ASK_STAT:
        return stat(path, &status) == 0 && write(out, &status, sizeof status) == sizeof status ? 0 : errno;
    case EVH5_ASK_STATVFS:
        return statvfs(path, &figures) == 0 ? 0 : errno;
    case EVH5_ASK_BYTES:
        break;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    char part[4096];
    ssize_t n;
    while ((n = read(fd, part, sizeof part)) > 0)
        for (ssize_t done = 0; done < n;) {
            ssize_t written = write(out, part + done, (size_t)(n - done));
            if (written < 0)
                return errno;
            done += written;
        }
    return n < 0 ? errno : 0;
}

// The child may hang for as long as the mount does, with all that it has open: whoever reads this program's output, or
// waits for a lock of its, would hang along.
static int keep_only(int fd)
{
    if (fd != 3 && dup2(fd, 3) < 0)
        return -1;
    for (int i = 0; i < 3; i++)
        close(i);
    // Not there before Linux 5.9, or not allowed in a container.
    if (close_range(4, ~0u, 0) < 0)
        for (int i = 4; i < 1024; i++)
            close(i);
    return 0;
}

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

ssize_t evh5_ask(enum evh5_question question, const char *path, int milliseconds, void *bytes, size_t room)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t child = fork();
    if (child < 0) {
        int why = errno;
        close(ends[0]);
        close(ends[1]);
        return -why;
    }
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        _exit(keep_only(ends[1]) == 0 ? answer(question, path, 3) : errno);
    }
    close(ends[1]);
    long long end = now() + milliseconds;
    size_t count = 0;
    ssize_t result = -ETIMEDOUT;
    for (;;) {
        long long left = end - now();
        struct pollfd ready = {.fd = ends[0], .events = POLLIN};
        int n = left > 0 ? poll(&ready, 1, (int)left) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        char rest[512];
        int full = count == room;
        ssize_t got = read(ends[0], full ? rest : (char *)bytes + count, full ? sizeof rest : room - count);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            result = got;
            break;
        }
        if (!full)
            count += (size_t)got;
    }
    close(ends[0]);
    if (result < 0) {
        // It may hang for as long as the mount does: whoever waits for orphans waits for it.
        kill(child, SIGKILL);
        waitpid(child, NULL, WNOHANG);
        return result;
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    if (!WIFEXITED(status))
        return -EIO;
    return WEXITSTATUS(status) == 0 ? (ssize_t)count : -WEXITSTATUS(status);
}
