// libfuse's log lines, formatted for a sink that takes whole lines.
#include "CFUSE.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static void (*_Atomic line_sink)(int, const char *);

static void log_line(enum fuse_log_level level, const char *format, va_list arguments)
{
    char line[1024];
    void (*sink)(int, const char *) = atomic_load(&line_sink);
    if (sink == NULL || vsnprintf(line, sizeof line, format, arguments) < 0)
        return;
    size_t length = strlen(line);
    while (length > 0 && line[length - 1] == '\n')
        line[--length] = 0;
    if (length > 0)
        sink((int)level, line);
}

void evh5_fuse_set_log(void (*sink)(int level, const char *line))
{
    atomic_store(&line_sink, sink);
    fuse_set_log_func(log_line);
}
