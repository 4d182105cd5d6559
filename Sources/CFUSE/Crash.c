// The last words of a process that crashes, where somebody finds them: its stderr, or syslog. Only calls that are safe
// in a signal handler (signal-safety(7)), and backtrace(3), which is once it has been called.
#define _GNU_SOURCE
#include "CFUSE.h"
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int to_syslog, last_words = -1;
static _Atomic int is_reporting;

static size_t put(char *line, size_t at, size_t room, const char *text)
{
    while (*text != 0 && at < room)
        line[at++] = *text++;
    return at;
}

static size_t put_number(char *line, size_t at, size_t room, unsigned long long number, unsigned base)
{
    char digits[24];
    size_t count = 0;
    do
        digits[count++] = "0123456789abcdef"[number % base];
    while ((number /= base) > 0);
    while (count > 0 && at < room)
        line[at++] = digits[--count];
    return at;
}

// One datagram for a line, as syslog(3) sends them: <facility daemon, critical>tag[pid]: text.
static void send_line(int socket, const char *text, size_t length)
{
    char line[1024];
    size_t at = put(line, 0, sizeof line, "<26>evh5[");
    at = put_number(line, at, sizeof line, (unsigned long long)getpid(), 10);
    at = put(line, at, sizeof line, "]: ");
    if (length > sizeof line - at)
        length = sizeof line - at;
    memcpy(line + at, text, length);
    (void)!send(socket, line, at + length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void pass_on_last_words(void)
{
    struct sockaddr_un place = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    int log = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (log < 0 || connect(log, (struct sockaddr *)&place, sizeof place) < 0)
        return;
    char line[900];
    size_t length = 0;
    char byte;
    while (read(last_words, &byte, 1) == 1) {
        if (byte != '\n' && length < sizeof line) {
            line[length++] = byte;
            continue;
        }
        if (length > 0)
            send_line(log, line, length);
        length = 0;
    }
    if (length > 0)
        send_line(log, line, length);
    close(log);
}

static void report(int signal, siginfo_t *information, void *context)
{
    (void)context;
    // Another thread that crashes meanwhile, or this handler itself, ends the process at once.
    if (atomic_exchange(&is_reporting, 1) == 0) {
        // What was said so far first: the pipe may be full.
        if (to_syslog)
            pass_on_last_words();
        char line[200];
        size_t at = put(line, 0, sizeof line, "evh5 crashed: signal ");
        at = put_number(line, at, sizeof line, (unsigned long long)signal, 10);
        at = put(line, at, sizeof line, ", address 0x");
        at = put_number(line, at, sizeof line, (unsigned long long)(uintptr_t)information->si_addr, 16);
        at = put(line, at, sizeof line, ", thread ");
        at = put_number(line, at, sizeof line, (unsigned long long)gettid(), 10);
        at = put(line, at, sizeof line, "; please report it with the lines that follow\n");
        (void)!write(STDERR_FILENO, line, at);
        void *frames[64];
        backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
        if (to_syslog)
            pass_on_last_words();
    }
    // SA_RESETHAND: the default action follows.
    raise(signal);
}

void evh5_fuse_report_crashes(int syslog, int words)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
    to_syslog = syslog;
    last_words = words;
    // The first call loads what it needs, which a handler must not.
    void *frame;
    backtrace(&frame, 1);
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) {
        struct sigaction action;
        if (sigaction(fatal[i], NULL, &action) != 0 || action.sa_handler != SIG_DFL)
            continue;
        memset(&action, 0, sizeof action);
        sigemptyset(&action.sa_mask);
        action.sa_sigaction = report;
        action.sa_flags = SA_SIGINFO | SA_RESETHAND | SA_ONSTACK;
        sigaction(fatal[i], &action, NULL);
    }
}
