/* What a shared library must offer to be a preprocessing of evh5: events of a frame in, the frame's tensor out.
 *
 *     #include <evh5_preprocessing.h>
 *
 *     static int render(const evh5_frame *frame) { ... return 0; }
 *
 *     EVH5_PREPROCESSING = {
 *         .abi = EVH5_PREPROCESSING_ABI, .channels = 2, .dtype = EVH5_FLOAT32, .render = render,
 *     };
 *
 *     $ cc -O2 -shared -fPIC -o libmine.so mine.c
 *     $ evh5 mount recordings/ /mnt/h5 --register mine=native:/path/libmine.so
 *
 * The library is loaded by processes that evh5 starts for it; whatever it does there costs at most the frame it is working on.
 * docs/PREPROCESSINGS.md says how it is registered, and an example is in docs/examples/. C99 and C++11 (there without designators). */
#ifndef EVH5_PREPROCESSING_H
#define EVH5_PREPROCESSING_H

#include <stddef.h>
#include <stdint.h>

/* The version of this interface. evh5 refuses libraries of another one; it changes whenever what is below does. */
#define EVH5_PREPROCESSING_ABI 1

/* An event; an array of them is what numpy calls {'names': ['x', 'y', 'p', 't'], 'formats': ['<u2', '<u2', '<i2', '<i8'],
 * 'offsets': [0, 2, 4, 8], 'itemsize': 16}. */
typedef struct evh5_event {
    uint16_t x;
    uint16_t y;
    /* 0 (off) or 1 (on). */
    int16_t p;
    int16_t reserved;
    /* us since the frame's start. */
    int64_t t;
} evh5_event;

/* Types of a tensor's elements. */
enum { EVH5_FLOAT32 = 0, EVH5_UINT8 = 1, EVH5_INT8 = 2, EVH5_UINT16 = 3 };

/* Types of parameters. Their values are passed as doubles: 0 and 1 for booleans; integers are exact up to 2^53. */
enum { EVH5_NUMBER = 0, EVH5_INTEGER = 1, EVH5_BOOLEAN = 2 };

/* A parameter, which users give in the path: mine,threshold=5/50ms/a.h5. */
typedef struct evh5_parameter {
    /* ASCII letters, digits and _. */
    const char *name;
    int32_t type;
    int32_t reserved;
    double default_value;
} evh5_parameter;

/* The work for one frame. */
typedef struct evh5_frame {
    /* In the recording's order. Their coordinates are the sensor's, x < width << shift and y < height << shift. */
    const evh5_event *events;
    size_t event_count;
    /* (channels, height, width), row-major, all zero; aligned to a page. */
    void *tensor;
    int32_t channels;
    int32_t height;
    int32_t width;
    /* The tensor's sides are the sensor's divided by 2^shift: cell (y >> shift, x >> shift) is that of an event. */
    int32_t shift;
    /* us; at least 1. With windows by event count the time from the first to the last event. */
    int64_t duration;
    /* As many as the library has parameters, in that order. */
    const double *parameters;
    /* Room for a text (with the 0 at its end) that says what went wrong, where render returns another value than 0. */
    char *error;
    size_t error_size;
} evh5_frame;

/* What a library offers. Members that are not named are 0, and mean what is said for 0. */
typedef struct evh5_preprocessing_description {
    /* EVH5_PREPROCESSING_ABI. */
    uint32_t abi;
    /* 1 to 1024. */
    int32_t channels;
    int32_t dtype;
    /* Not 0: all values are in 0...1, so that users may have them stored as bytes (dtype=uint8). float32 only. */
    int32_t fractions;
    /* A sentence that says what it shows; may be NULL. */
    const char *summary;
    const evh5_parameter *parameters;
    size_t parameter_count;
    /* Fills the tensor; returns 0, or another value when there is none, which its reader sees as EIO.
     * Frames come in no order, and each at most once at a time in a process: nothing may depend on another frame. */
    int (*render)(const evh5_frame *frame);
} evh5_preprocessing_description;

#if defined(__GNUC__)
#define EVH5_EXPORT __attribute__((visibility("default")))
#else
#define EVH5_EXPORT
#endif

/* The symbol that evh5 looks for. A library with several preprocessings names others, of the same type, and users say which:
 * native:/path/libmine.so:other. */
#ifdef __cplusplus
#define EVH5_PREPROCESSING                                                                                             \
    extern "C" EVH5_EXPORT const evh5_preprocessing_description evh5_preprocessing;                                    \
    const evh5_preprocessing_description evh5_preprocessing
#else
#define EVH5_PREPROCESSING EVH5_EXPORT const evh5_preprocessing_description evh5_preprocessing
#endif

#endif
