#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/run_summary.h"
#include "cprobe/benchmark/summary.h"
#include "cprobe/core/error.h"
#include "cprobe/io/atomic_file.h"

namespace cprobe {
namespace {

struct BenchmarkCommand {
  BenchmarkOptions benchmark;
  std::string size = "tiny";
  bool quiet = false;
};

BenchmarkSize parse_size(const std::string& text) {
  for (const BenchmarkSize size : kBenchmarkSizes) {
    if (to_string(size) == text) return size;
  }
  throw input_error("--size {}: expected tiny, small or full", text);
}

void run_benchmark_command(BenchmarkCommand command) {
  command.benchmark.size = parse_size(command.size);
  begin_computing(command.benchmark.run.n_threads);
  ProgressBar bar;
  command.benchmark.run.callbacks = run_callbacks(bar, command.quiet, false);
  const std::vector<BenchmarkRow> rows = run_benchmark(command.benchmark);
  bar.clear();
  const std::vector<SummaryFigure> summary = summary_of(rows);
  const std::filesystem::path& out = command.benchmark.out;
  write_file(out / "benchmark.csv", benchmark_csv(rows));
  write_file(out / "benchmark_summary.csv", summary_csv(summary));
  fmt::print("{}\n{} and {}\n", summary_table(summary), (out / "benchmark.csv").string(),
             (out / "benchmark_summary.csv").string());
}

}  // namespace

void setup_benchmark(CLI::App& app) {
  const auto command = std::make_shared<BenchmarkCommand>();
  CLI::App* sub = app.add_subcommand("benchmark", "Score every method on models in which the answer is known");
  add_option_with_default(*sub, "--size", command->size, "tiny|small|full",
                          "Number of models and methods: minutes, about an hour, or a night on 2 cores");
  add_option(*sub, "-o,--out", command->benchmark.out, "FOLDER",
             "Folder for models, runs and tables; an interrupted call continues there")
      ->required();
  add_option_with_default(*sub, "--seed", command->benchmark.seed, "N", "Seed of all that is drawn");
  add_option(*sub, "--jobs", command->benchmark.run.n_jobs, "N", "Cells computed at the same time (default: measured)");
  add_threads_option(*sub, command->benchmark.run.n_threads);
  sub->add_flag("--quiet", command->quiet, "No progress");
  sub->footer("Example:\n  cprobe benchmark --size tiny --out runs/benchmark");
  sub->callback([command] { run_benchmark_command(*command); });
}

}  // namespace cprobe
