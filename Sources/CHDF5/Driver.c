// A virtual file driver of libhdf5 whose bytes come from callbacks: what H5FD_class_t asks for and nothing else.
#include "CHDF5.h"

#include <stdlib.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

typedef struct {
    H5FD_t common; // first: libhdf5 fills it
    void *file;
    haddr_t end; // of what is allocated, by libhdf5's account
} Opened;

typedef struct {
    void *file;
} Access;

static CHDF5_FileCalls calls;

static H5FD_t *openFile(const char *name, unsigned flags, hid_t access, haddr_t maximum) {
    (void)name, (void)flags, (void)maximum;
    const Access *info = H5Pget_driver_info(access);
    if (!info || !info->file) return NULL;
    Opened *opened = calloc(1, sizeof *opened);
    if (opened) opened->file = info->file;
    return (H5FD_t *)opened;
}

static herr_t closeFile(H5FD_t *file) {
    free(file);
    return 0;
}

static int compareFiles(const H5FD_t *a, const H5FD_t *b) {
    const char *first = ((const Opened *)a)->file, *second = ((const Opened *)b)->file;
    return (first > second) - (first < second);
}

static herr_t queryFeatures(const H5FD_t *file, unsigned long *flags) {
    (void)file;
    // Reads of metadata are not gathered: each is one block of one kind, which `readFile` passes on.
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA_WRITE | H5FD_FEAT_DATA_SIEVE |
             H5FD_FEAT_AGGREGATE_SMALLDATA;
    return 0;
}

static haddr_t endOfAllocation(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    return ((const Opened *)file)->end;
}

static herr_t setEndOfAllocation(H5FD_t *file, H5FD_mem_t type, haddr_t end) {
    (void)type;
    ((Opened *)file)->end = end;
    return 0;
}

static haddr_t endOfFile(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    int64_t size = calls.size(((const Opened *)file)->file);
    return size < 0 ? HADDR_UNDEF : (haddr_t)size;
}

static herr_t readFile(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t count, void *bytes) {
    (void)transfer;
    return calls.read(((Opened *)file)->file, type, at, bytes, count);
}

static herr_t writeFile(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t count, const void *bytes) {
    (void)type, (void)transfer;
    return calls.write(((Opened *)file)->file, at, bytes, count);
}

static herr_t truncateFile(H5FD_t *file, hid_t transfer, hbool_t closing) {
    (void)transfer, (void)closing;
    const Opened *opened = (const Opened *)file;
    int64_t size = calls.size(opened->file);
    if (size < 0) return -1;
    return (haddr_t)size == opened->end ? 0 : calls.setSize(opened->file, opened->end);
}

static const H5FD_class_t driver = {
#if H5_VERSION_GE(1, 13, 0)
    .version = H5FD_CLASS_VERSION,
    // Any number from 512 on that no registered driver has; nothing stores it.
    .value = 17750,
#endif
    .name = "evh5",
    .maxaddr = INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(Access),
    .open = openFile,
    .close = closeFile,
    .cmp = compareFiles,
    .query = queryFeatures,
    .get_eoa = endOfAllocation,
    .set_eoa = setEndOfAllocation,
    .get_eof = endOfFile,
    .read = readFile,
    .write = writeFile,
    .truncate = truncateFile,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

hid_t CHDF5_registerDriver(CHDF5_FileCalls with) {
    calls = with;
    return H5FDregister(&driver);
}

herr_t CHDF5_setDriver(hid_t access, hid_t registered, void *file) {
    Access info = {file};
    return H5Pset_driver(access, registered, &info);
}

void CHDF5_pushError(const char *message) {
    H5Epush2(H5E_DEFAULT, __FILE__, __func__, __LINE__, H5E_ERR_CLS, H5E_VFL, H5E_READERROR, "%s", message);
}
