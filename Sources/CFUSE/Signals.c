// Signals that end a mount or are a word to it, as bytes in a pipe; one that only wakes a thread; and those that nobody
// means.
#define _GNU_SOURCE
#include "CFUSE.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { maximum = 64, kinds = 3 };
static const int ending[kinds] = {SIGTERM, SIGINT, SIGHUP};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int registered;               // under lock
static struct sigaction former[kinds]; // under lock
static int changed[kinds];           // under lock
static int hangup_word;              // under lock
static _Atomic int listeners[maximum]; // fd + 1, 0 = free
static _Atomic int telling;            // handlers that run right now

static void tell_listeners(int signal)
{
    int saved = errno;
    unsigned char byte = (unsigned char)signal;
    atomic_fetch_add(&telling, 1);
    for (int i = 0; i < maximum; i++) {
        int fd = atomic_load(&listeners[i]) - 1;
        if (fd >= 0)
            (void)!write(fd, &byte, 1);
    }
    atomic_fetch_sub(&telling, 1);
    errno = saved;
}

static void listen_to_signals(void)
{
    for (int i = 0; i < kinds; i++) {
        int is_word = hangup_word && ending[i] == SIGHUP;
        changed[i] = sigaction(ending[i], NULL, &former[i]) == 0 && (is_word || former[i].sa_handler != SIG_IGN);
        if (!changed[i])
            continue;
        struct sigaction action;
        memset(&action, 0, sizeof action);
        sigemptyset(&action.sa_mask);
        action.sa_handler = tell_listeners;
        // Once only: who sends a second one does not want to wait for requests that are under way.
        action.sa_flags = SA_RESTART | (is_word ? 0 : SA_RESETHAND);
        changed[i] = sigaction(ending[i], &action, NULL) == 0;
    }
}

int evh5_fuse_signals_add(int fd, int hangup_is_word)
{
    int result = -1;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < maximum && result != 0; i++) {
        if (atomic_load(&listeners[i]) == 0) {
            atomic_store(&listeners[i], fd + 1);
            if (registered++ == 0) {
                hangup_word = hangup_is_word;
                listen_to_signals();
            }
            result = 0;
        }
    }
    pthread_mutex_unlock(&lock);
    return result;
}

void evh5_fuse_signals_remove(int fd)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < maximum; i++) {
        if (atomic_load(&listeners[i]) != fd + 1)
            continue;
        atomic_store(&listeners[i], 0);
        if (--registered == 0)
            for (int k = 0; k < kinds; k++)
                if (changed[k])
                    sigaction(ending[k], &former[k], NULL);
        break;
    }
    pthread_mutex_unlock(&lock);
    // The caller closes the fd next; a handler on another thread may still be about to write to it.
    while (atomic_load(&telling) != 0)
        sched_yield();
}

static void do_nothing(int signal) { (void)signal; }

static void let_do_nothing(int signal, int always)
{
    struct sigaction action;
    if (sigaction(signal, NULL, &action) != 0 || (action.sa_handler != SIG_DFL && !always))
        return;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    // A handler, not SIG_IGN: programs that are started do not inherit it.
    action.sa_handler = do_nothing;
    action.sa_flags = SA_RESTART;
    sigaction(signal, &action, NULL);
}

void evh5_fuse_ignore_other_signals(int quit)
{
    static const int others[] = {SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        let_do_nothing(others[i], 0);
    for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++)
        let_do_nothing(signal, 0);
    // Swift's backtraces take it for a crash.
    if (quit)
        let_do_nothing(SIGQUIT, 1);
}

int evh5_fuse_wake_signal(void)
{
    // A real-time signal: SIGUSR1 and SIGUSR2 belong to the program.
    int signal = SIGRTMIN + 7;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = do_nothing; // no SA_RESTART: the point is EINTR
    sigaction(signal, &action, NULL);
    return signal;
}
