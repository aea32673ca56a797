#pragma once

/// Compiles a function several times, so that one binary runs on every x86-64 machine and uses the widest vectors
/// there. Sanitizers cannot instrument the choice.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define CPROBE_VECTOR_CLONES __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define CPROBE_VECTOR_CLONES
#endif
