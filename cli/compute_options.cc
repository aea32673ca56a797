#include "cli/compute_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cprobe/core/device.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/threads.h"

namespace cprobe {

void add_threads_option(CLI::App& command, int& n_threads) {
  command.add_option("--threads", n_threads, "Threads (default: one a processor); results repeat for an equal number")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
}

void add_run_options(CLI::App& command, RunOptions& options) {
  command.add_option("-o,--out", options.out, "Run folder; default: the spec's 'out' or 'results_dir'")
      ->type_name("FOLDER");
  command.add_flag("--overwrite", options.again.all, "Compute these cells again, also those that are finished");
  command
      .add_option_function<std::string>(
          "--retry", [&options](const std::string&) { options.again.failed = true; },
          "Compute cells again that failed in an earlier call")
      ->check(CLI::IsMember({"failed"}))
      ->type_name("failed");
  command.add_flag("--wait", options.wait, "Where another process works in the folder, wait until it has ended");
  command
      .add_option("--memory", options.memory,
                  "Memory for residual streams, such as 50MB or 2GB; where they would take more, they go to scratch "
                  "files in the run folder")
      ->transform(CLI::AsSizeValue(true))
      ->default_str("500MB")
      ->type_name("SIZE");
  command
      .add_option("--jobs", options.n_jobs,
                  "Cells at once (default: as in the folder's last call or, without one, measured)")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  command
      .add_option("--threads", options.n_threads,
                  "Threads of a cell; results repeat for an equal number (default: as --jobs)")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  command
      .add_option_function<std::string>(
          "--device", [&options](const std::string& name) { options.device = parse_device(name); },
          "Where the model runs: cpu, cuda (all GPUs, cells taking turns) or cuda:N; then one job per GPU by default")
      ->default_str("cpu")
      ->type_name("NAME");
  command
      .add_option("--shard", options.shard,
                  "Work beside other processes on the same folder, each with a name of its own; then `cprobe merge`")
      ->type_name("NAME");
  command
      .add_option("--rank-timeout", options.rank_timeout,
                  "Under mpirun: seconds without a word after which a rank is taken for dead")
      ->check(CLI::Range(5.0, 86'400.0))  // a sign of life comes every second
      ->default_str("30")
      ->type_name("S");
}

void begin_computing(int n_threads) {
  catch_interrupts();
  set_threads(n_threads > 0 ? n_threads : available_threads());
  if (const std::string warning = blas_warning(blas_name()); !warning.empty()) {
    fmt::print(stderr, "warning: {}\n", warning);
  }
}

}  // namespace cprobe
