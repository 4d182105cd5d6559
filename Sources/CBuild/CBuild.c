#include "CBuild.h"

// Package.swift defines it: see there.
#ifndef EVH5_COMMIT
#define EVH5_COMMIT ""
#endif

const char *const CBuild_commit = EVH5_COMMIT;
