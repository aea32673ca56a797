#pragma once

/// Compiles a function several times, so that one binary runs on every x86-64 machine and uses the widest vectors
/// there. By instruction set and not by name of a processor: those clones run on that maker's processors only.
/// Sanitizers cannot instrument the choice.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define CPROBE_VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CPROBE_VECTOR_CLONES
#endif
