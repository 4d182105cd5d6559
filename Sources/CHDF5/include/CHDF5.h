// What of libhdf5 Swift cannot see by itself: macros that hide a library call, a global or a cast.
#ifndef CHDF5_H
#define CHDF5_H

#include <hdf5.h>

// Datatypes of the file: each macro initialises the library and yields a global.
static inline hid_t CHDF5_float32LE(void) { return H5T_IEEE_F32LE; }
static inline hid_t CHDF5_float64LE(void) { return H5T_IEEE_F64LE; }
static inline hid_t CHDF5_int8LE(void) { return H5T_STD_I8LE; }
static inline hid_t CHDF5_uint8LE(void) { return H5T_STD_U8LE; }
static inline hid_t CHDF5_uint32LE(void) { return H5T_STD_U32LE; }
static inline hid_t CHDF5_int64LE(void) { return H5T_STD_I64LE; }
static inline hid_t CHDF5_cString(void) { return H5T_C_S1; }

// Datatypes of this machine's memory.
static inline hid_t CHDF5_nativeFloat64(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t CHDF5_nativeInt8(void) { return H5T_NATIVE_INT8; }
static inline hid_t CHDF5_nativeUInt32(void) { return H5T_NATIVE_UINT32; }
static inline hid_t CHDF5_nativeInt64(void) { return H5T_NATIVE_INT64; }

// Property list classes.
static inline hid_t CHDF5_fileCreateClass(void) { return H5P_FILE_CREATE; }
static inline hid_t CHDF5_fileAccessClass(void) { return H5P_FILE_ACCESS; }
static inline hid_t CHDF5_datasetCreateClass(void) { return H5P_DATASET_CREATE; }
static inline hid_t CHDF5_attributeCreateClass(void) { return H5P_ATTRIBUTE_CREATE; }

// Constants behind casts or library calls.
static inline hid_t CHDF5_default(void) { return H5P_DEFAULT; }
static inline hid_t CHDF5_errorStack(void) { return H5E_DEFAULT; }
static inline size_t CHDF5_variableLength(void) { return H5T_VARIABLE; }
static inline haddr_t CHDF5_noAddress(void) { return HADDR_UNDEF; }
static inline unsigned CHDF5_truncate(void) { return H5F_ACC_TRUNC; }
static inline unsigned CHDF5_creationOrder(void) { return H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED; }

// memfd_create(2), which Swift's Glibc module leaves out: a file in memory, close-on-exec; -1 and errno on failure.
int CHDF5_memoryFile(const char *name);

#endif
