#pragma once

/// Compiles a function several times, so that one binary runs on every x86-64 machine and uses the
/// widest vectors of each. The clones are for instruction sets, not for named processors: a clone
/// for a named processor runs only on processors of that maker. AddressSanitizer cannot instrument
/// the choice of a clone.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define CPROBE_VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CPROBE_VECTOR_CLONES
#endif
