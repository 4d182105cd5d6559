// libfuse's log lines, formatted for a sink that takes whole lines.
#include "CFUSE.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static void (*_Atomic line_sink)(int, const char *);

// libfuse logs some lines in several pieces ("unknown option(s): `", the option, "'\n"); a thread's are put together
// here.
static _Thread_local char line[1024];
static _Thread_local size_t length;

static void log_line(enum fuse_log_level level, const char *format, va_list arguments)
{
    void (*sink)(int, const char *) = atomic_load(&line_sink);
    if (sink == NULL)
        return;
    int added = vsnprintf(line + length, sizeof line - length, format, arguments);
    if (added < 0)
        return;
    size_t room = sizeof line - 1 - length;
    int is_cut = (size_t)added > room;
    length += is_cut ? room : (size_t)added;
    if (length == 0 || (line[length - 1] != '\n' && !is_cut))
        return;
    while (length > 0 && line[length - 1] == '\n')
        line[--length] = 0;
    if (length > 0)
        sink((int)level, line);
    length = 0;
}

void evh5_fuse_set_log(void (*sink)(int level, const char *line))
{
    atomic_store(&line_sink, sink);
    fuse_set_log_func(log_line);
}
