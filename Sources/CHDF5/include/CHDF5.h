// What of libhdf5 Swift cannot see by itself: macros that hide a library call or a global.
#ifndef CHDF5_H
#define CHDF5_H

#include <hdf5.h>

#endif
