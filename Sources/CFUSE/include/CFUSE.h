// What of libfuse 3 Swift cannot see by itself: function-like macros and bit fields.
#ifndef CFUSE_H
#define CFUSE_H

#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 312
#endif
#include <fuse_lowlevel.h>

#endif
