#pragma once

#include <cstdint>

#include "cprobe/run/run_options.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name
class App;
}

namespace cprobe {

/// Adds `--threads` to a command that computes. @param n_threads 0, the default, means all processors.
void add_threads_option(CLI::App& command, int& n_threads);

/// Adds what `fit` and `baseline` have in common.
void add_run_options(CLI::App& command, RunOptions& options);

/// What such a command does first: Ctrl-C becomes a request to stop, the threads are set, and a slow BLAS is pointed out
/// on stderr. @param n_threads as add_threads_option.
void begin_computing(int n_threads);

}  // namespace cprobe
