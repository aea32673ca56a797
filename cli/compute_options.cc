#include "cli/compute_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cprobe/core/interrupt.h"
#include "cprobe/core/threads.h"

namespace cprobe {

void add_threads_option(CLI::App& command, int& n_threads) {
  command.add_option("--threads", n_threads, "Threads (default: one a processor); results repeat for an equal number")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
}

void add_memory_option(CLI::App& command, int64_t& memory) {
  command
      .add_option("--memory", memory,
                  "Memory for residual streams, such as 50MB or 2GB; where they would take more, they go to scratch "
                  "files in the run folder")
      ->transform(CLI::AsSizeValue(true))
      ->default_str("500MB")
      ->type_name("SIZE");
}

void begin_computing(int n_threads) {
  catch_interrupts();
  set_threads(n_threads > 0 ? n_threads : available_threads());
  if (const std::string warning = blas_warning(blas_name()); !warning.empty()) {
    fmt::print(stderr, "warning: {}\n", warning);
  }
}

}  // namespace cprobe
