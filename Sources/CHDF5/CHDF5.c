#define _GNU_SOURCE
#include "CHDF5.h"

#include <sys/mman.h>

int CHDF5_memoryFile(const char *name) { return memfd_create(name, MFD_CLOEXEC); }
