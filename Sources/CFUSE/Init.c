// The INIT handshake with two bits that libfuse 3.14 does not set: FUSE_DIRECT_IO_ALLOW_MMAP, which it does not know,
// and FUSE_PARALLEL_DIROPS, which it accepts from the filesystem and then leaves out of its answer.
//
// The request is read here and handed to libfuse, which answers into a socket that takes the device's place for that
// moment; the bits are set in the answer if the kernel offered them, and the answer is written to the device. Only
// public calls are used. Layouts and values: include/uapi/linux/fuse.h of Linux 6.6 (protocol 7.39).
#define _GNU_SOURCE
#include "CFUSE.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    in_header = 40,                 // struct fuse_in_header: len, opcode, unique, nodeid, uid, gid, pid, ...
    in_opcode = 4,
    in_flags = in_header + 12,      // struct fuse_init_in: major, minor, max_readahead, flags, flags2
    in_flags2 = in_header + 16,
    in_size_with_flags = in_header + 16,
    in_size_with_flags2 = in_header + 20,
    opcode_init = 26,               // FUSE_INIT
    out_header = 16,                // struct fuse_out_header: len, error, unique
    out_error = 4,
    out_flags = out_header + 12,    // struct fuse_init_out: major, minor, max_readahead, flags, max_background (16 bit),
    out_flags2 = out_header + 32,   // congestion_threshold (16), max_write, time_gran, max_pages (16), map_alignment (16), flags2
    out_size_with_flags2 = out_header + 64,
};
static const uint32_t parallel_dirops = 1u << 18;    // FUSE_PARALLEL_DIROPS: lookups in one directory side by side
static const uint32_t init_ext = 1u << 30;           // FUSE_INIT_EXT: flags2 is valid
static const uint32_t direct_io_allow_mmap = 1u << 4; // FUSE_DIRECT_IO_ALLOW_MMAP (1ULL << 36) in flags2

static uint32_t word(const unsigned char *bytes, int offset)
{
    uint32_t value;
    memcpy(&value, bytes + offset, sizeof value);
    return value;
}

static void set_bits(unsigned char *bytes, int offset, uint32_t bits)
{
    uint32_t value = word(bytes, offset) | bits;
    memcpy(bytes + offset, &value, sizeof value);
}

// Sets what the request offers and the reply lacks.
static enum evh5_fuse_init_result amend(unsigned char *reply, size_t reply_size, const unsigned char *request, size_t size)
{
    if (size < in_size_with_flags || reply_size < out_size_with_flags2 || word(reply, out_error) != 0)
        return EVH5_FUSE_INIT_PLAIN;
    uint32_t offered = word(request, in_flags);
    set_bits(reply, out_flags, offered & parallel_dirops);
    if (size < in_size_with_flags2 || !(offered & init_ext) || !(word(request, in_flags2) & direct_io_allow_mmap))
        return EVH5_FUSE_INIT_PLAIN;
    set_bits(reply, out_flags, init_ext);
    set_bits(reply, out_flags2, direct_io_allow_mmap);
    return EVH5_FUSE_INIT_MMAP;
}

// dup3 that does not give up for reasons that pass.
static int put_in_place(int from, int at)
{
    int result;
    do
        result = dup3(from, at, O_CLOEXEC);
    while (result < 0 && (errno == EINTR || errno == EBUSY));
    return result;
}

static void process(struct fuse_session *session, unsigned char *request, size_t size)
{
    struct fuse_buf buffer;
    memset(&buffer, 0, sizeof buffer);
    buffer.mem = request;
    buffer.size = size;
    buffer.fd = -1;
    fuse_session_process_buf(session, &buffer);
}

// Lets libfuse answer into `near`, amends what arrives at `far` and passes it on to the device.
static enum evh5_fuse_init_result answer_through(
    int near, int far, int device, struct fuse_session *session, unsigned char *request, size_t size)
{
    int fd = fuse_session_fd(session);
    if (put_in_place(near, fd) < 0) {
        process(session, request, size);
        return EVH5_FUSE_INIT_PLAIN;
    }
    process(session, request, size);
    if (put_in_place(device, fd) < 0)
        return EVH5_FUSE_INIT_FAILED;

    unsigned char reply[4096];
    ssize_t length = recv(far, reply, sizeof reply, MSG_DONTWAIT);
    if (length < out_header)
        return EVH5_FUSE_INIT_FAILED;
    enum evh5_fuse_init_result result = amend(reply, (size_t)length, request, size);
    ssize_t written;
    do
        written = write(device, reply, (size_t)length);
    while (written < 0 && errno == EINTR);
    return written == length ? result : EVH5_FUSE_INIT_FAILED;
}

enum evh5_fuse_init_result evh5_fuse_init(struct fuse_session *session)
{
    enum { room = 256 * 1024 }; // the kernel refuses reads into less than FUSE_MIN_READ_BUFFER (8 KiB)
    enum evh5_fuse_init_result result = EVH5_FUSE_INIT_LEFT_TO_LOOP;
    int ends[2] = {-1, -1};
    int device = -1;
    unsigned char *request = malloc(room);
    if (request == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        goto done;
    device = fcntl(fuse_session_fd(session), F_DUPFD_CLOEXEC, 3);
    if (device < 0)
        goto done;
    // The kernel queues INIT while it mounts; the wait is for the unthinkable.
    struct pollfd ready = {.fd = device, .events = POLLIN};
    if (poll(&ready, 1, 5000) != 1 || !(ready.revents & POLLIN))
        goto done;
    ssize_t size = read(device, request, room);
    if (size < in_header)
        goto done;
    if (word(request, in_opcode) == opcode_init) {
        result = answer_through(ends[0], ends[1], device, session, request, (size_t)size);
    } else {
        process(session, request, (size_t)size);
    }
done:
    if (device >= 0)
        close(device);
    if (ends[0] >= 0)
        close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
    free(request);
    return result;
}
