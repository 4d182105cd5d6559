// Tests under sanitizers, which are slow, and whose memory is not laid out as otherwise.

import Glibc

/// Whether ThreadSanitizer or AddressSanitizer is in this process.
package let isSanitized = ["__tsan_init", "__asan_init"].contains { (name: String) in dlsym(nil, name) != nil }
