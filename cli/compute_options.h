#pragma once

#include <cstdint>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name
class App;
}

namespace cprobe {

/// Adds `--threads` to a command that computes. @param n_threads 0, the default, means all processors.
void add_threads_option(CLI::App& command, int& n_threads);

/// Adds `--memory`: bytes for residual streams.
void add_memory_option(CLI::App& command, int64_t& memory);

/// What such a command does first: Ctrl-C becomes a request to stop, the threads are set, and a slow BLAS is pointed out
/// on stderr. @param n_threads as add_threads_option.
void begin_computing(int n_threads);

}  // namespace cprobe
