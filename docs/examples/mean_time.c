/* A preprocessing for evh5 as a shared library: when, on average, the events of a cell came.
 *
 *     $ cc -O2 -shared -fPIC -o libmean_time.so docs/examples/mean_time.c -lm
 *     $ evh5 mount recordings/ /mnt/h5 --register mean_time=native:libmean_time.so
 *     $ ls /mnt/h5/mean_time,least=3/50ms
 *
 * In the project's folder add -I Sources/CPreprocessing/include; `make install` puts the header where cc finds it. */
#include <evh5_preprocessing.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const evh5_parameter parameters[] = {
    {.name = "least", .type = EVH5_INTEGER, .default_value = 1},
    {.name = "power", .type = EVH5_NUMBER, .default_value = 1},
};

/* (2, H, W): off and on events; the mean of t / duration, to the power of `power`; 0 where there are fewer than `least`. */
static int render(const evh5_frame *frame)
{
    const size_t cells = (size_t)frame->height * (size_t)frame->width;
    const double least = frame->parameters[0], power = frame->parameters[1];
    float *tensor = frame->tensor;
    double *sums = calloc(2 * cells, sizeof *sums);
    size_t *counts = calloc(2 * cells, sizeof *counts);
    if (sums == NULL || counts == NULL) {
        snprintf(frame->error, frame->error_size, "no memory for %zu cells", 2 * cells);
        free(sums);
        free(counts);
        return 1;
    }
    for (size_t i = 0; i < frame->event_count; i++) {
        const evh5_event *event = &frame->events[i];
        const size_t row = event->y >> frame->shift, column = event->x >> frame->shift;
        const size_t cell = (size_t)event->p * cells + row * (size_t)frame->width + column;
        sums[cell] += (double)event->t;
        counts[cell]++;
    }
    for (size_t cell = 0; cell < 2 * cells; cell++)
        if (counts[cell] > 0 && (double)counts[cell] >= least)
            tensor[cell] = (float)pow(sums[cell] / (double)counts[cell] / (double)frame->duration, power);
    free(sums);
    free(counts);
    return 0;
}

EVH5_PREPROCESSING = {
    .abi = EVH5_PREPROCESSING_ABI,
    .channels = 2,
    .dtype = EVH5_FLOAT32,
    .fractions = 1,
    .summary = "mean time of the events per pixel and polarity, as a fraction of the frame",
    .parameters = parameters,
    .parameter_count = 2,
    .render = render,
};
