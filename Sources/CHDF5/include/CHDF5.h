// What of libhdf5 Swift cannot see by itself: macros that hide a library call, a global or a cast.
#ifndef CHDF5_H
#define CHDF5_H

#include <hdf5.h>

// Datatypes of the file: each macro initialises the library and yields a global.
static inline hid_t CHDF5_float32LE(void) { return H5T_IEEE_F32LE; }
static inline hid_t CHDF5_float64LE(void) { return H5T_IEEE_F64LE; }
static inline hid_t CHDF5_int8LE(void) { return H5T_STD_I8LE; }
static inline hid_t CHDF5_uint8LE(void) { return H5T_STD_U8LE; }
static inline hid_t CHDF5_int16LE(void) { return H5T_STD_I16LE; }
static inline hid_t CHDF5_uint16LE(void) { return H5T_STD_U16LE; }
static inline hid_t CHDF5_int32LE(void) { return H5T_STD_I32LE; }
static inline hid_t CHDF5_uint32LE(void) { return H5T_STD_U32LE; }
static inline hid_t CHDF5_int64LE(void) { return H5T_STD_I64LE; }
static inline hid_t CHDF5_uint64LE(void) { return H5T_STD_U64LE; }
static inline hid_t CHDF5_cString(void) { return H5T_C_S1; }

// Datatypes of this machine's memory.
static inline hid_t CHDF5_nativeFloat32(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t CHDF5_nativeFloat64(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t CHDF5_nativeInt8(void) { return H5T_NATIVE_INT8; }
static inline hid_t CHDF5_nativeUInt32(void) { return H5T_NATIVE_UINT32; }
static inline hid_t CHDF5_nativeInt64(void) { return H5T_NATIVE_INT64; }

// Property list classes.
static inline hid_t CHDF5_fileCreateClass(void) { return H5P_FILE_CREATE; }
static inline hid_t CHDF5_fileAccessClass(void) { return H5P_FILE_ACCESS; }
static inline hid_t CHDF5_datasetCreateClass(void) { return H5P_DATASET_CREATE; }
static inline hid_t CHDF5_attributeCreateClass(void) { return H5P_ATTRIBUTE_CREATE; }
static inline hid_t CHDF5_linkCreateClass(void) { return H5P_LINK_CREATE; }
static inline hid_t CHDF5_groupCreateClass(void) { return H5P_GROUP_CREATE; }
static inline hid_t CHDF5_objectCopyClass(void) { return H5P_OBJECT_COPY; }

// Constants behind casts or library calls.
static inline hid_t CHDF5_default(void) { return H5P_DEFAULT; }
static inline hid_t CHDF5_errorStack(void) { return H5E_DEFAULT; }
static inline size_t CHDF5_variableLength(void) { return H5T_VARIABLE; }
static inline hsize_t CHDF5_unlimited(void) { return H5S_UNLIMITED; }
static inline haddr_t CHDF5_noAddress(void) { return HADDR_UNDEF; }
static inline unsigned CHDF5_truncate(void) { return H5F_ACC_TRUNC; }
static inline unsigned CHDF5_newFile(void) { return H5F_ACC_EXCL; }
static inline unsigned CHDF5_readOnly(void) { return H5F_ACC_RDONLY; }
static inline unsigned CHDF5_readWrite(void) { return H5F_ACC_RDWR; }
static inline H5F_libver_t CHDF5_latestVersion(void) { return H5F_LIBVER_LATEST; }
static inline H5R_type_t CHDF5_region(void) { return H5R_DATASET_REGION; }
static inline hid_t CHDF5_objectReference(void) { return H5T_STD_REF_OBJ; }
static inline hid_t CHDF5_regionReference(void) { return H5T_STD_REF_DSETREG; }
static inline unsigned CHDF5_creationOrder(void) { return H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED; }

// What an object is, by names that are the same in every version of libhdf5.
typedef struct {
    haddr_t address; // of its header: its identity within the file
    H5O_type_t kind;
    uint64_t attributes;
} CHDF5_ObjectInfo;

static inline herr_t CHDF5_objectInfo(hid_t object, CHDF5_ObjectInfo *info) {
#if H5_VERSION_GE(1, 12, 0)
    H5O_info1_t all;
#else
    H5O_info_t all;
#endif
    if (H5Oget_info2(object, &all, H5O_INFO_BASIC | H5O_INFO_NUM_ATTRS) < 0) return -1;
    info->address = all.addr;
    info->kind = all.type;
    info->attributes = all.num_attrs;
    return 0;
}

// The version of an object's header, 1 or 2; negative when it fails.
static inline int CHDF5_headerVersion(hid_t object) {
#if H5_VERSION_GE(1, 12, 0)
    H5O_native_info_t info;
    return H5Oget_native_info(object, &info, H5O_NATIVE_INFO_HDR) < 0 ? -1 : (int)info.hdr.version;
#else
    H5O_info_t info;
    return H5Oget_info2(object, &info, H5O_INFO_HDR) < 0 ? -1 : (int)info.hdr.version;
#endif
}

// Links, likewise: an H5L_info_t of the first version.
#if H5_VERSION_GE(1, 12, 0)
typedef H5L_info1_t CHDF5_LinkInfo;
#else
typedef H5L_info_t CHDF5_LinkInfo;
#endif

static inline herr_t CHDF5_iterateLinks(hid_t group, H5_index_t by, H5_iter_order_t order,
                                        herr_t (*body)(hid_t, const char *, const CHDF5_LinkInfo *, void *),
                                        void *context) {
#if H5_VERSION_GE(1, 12, 0)
    return H5Literate1(group, by, order, NULL, body, context);
#else
    return H5Literate(group, by, order, NULL, body, context);
#endif
}

// A virtual file driver whose bytes come from callbacks. Each gets the `file` given to CHDF5_setDriver, which libhdf5
// compares by address. `size` returns bytes, or a negative number when it fails; the others 0 or -1.
typedef struct {
    int64_t (*size)(void *file);
    int (*read)(void *file, H5FD_mem_t type, uint64_t at, void *bytes, size_t count);
    int (*write)(void *file, uint64_t at, const void *bytes, size_t count);
    int (*setSize)(void *file, uint64_t size);
} CHDF5_FileCalls;

// Registers the driver, once in a process; negative when libhdf5 refuses.
hid_t CHDF5_registerDriver(CHDF5_FileCalls with);
// Has the file access property list `access` open `file` through the driver.
herr_t CHDF5_setDriver(hid_t access, hid_t registered, void *file);
// Puts `message` onto libhdf5's error stack.
void CHDF5_pushError(const char *message);

// Registers a filter for chunks that are packed elsewhere; `name` is copied. `unpack` is NULL where they are unpacked
// elsewhere too. Negative when libhdf5 refuses.
herr_t CHDF5_registerFilter(H5Z_filter_t number, const char *name, H5Z_func_t unpack);

#endif
