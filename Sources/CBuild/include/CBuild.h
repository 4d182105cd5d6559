// What the build knows of itself.
#ifndef CBUILD_H
#define CBUILD_H

/// The commit that was built, `1a2b3c4d5e6f` or `1a2b3c4d5e6f, changed`; empty when the build was not told.
extern const char *const _Nonnull CBuild_commit;

#endif
