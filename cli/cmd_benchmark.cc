#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/run_summary.h"
#include "cprobe/benchmark/summary.h"
#include "cprobe/core/error.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/report/benchmark_page.h"
#include "cprobe/run/cluster/ranks.h"

namespace cprobe {
namespace {

struct BenchmarkCommand {
  BenchmarkOptions benchmark;
  std::string size = "tiny";
  uint64_t seed = 0;
  bool quiet = false;
};

BenchmarkSize parse_size(const std::string& text) {
  for (const BenchmarkSize size : kBenchmarkSizes) {
    if (to_string(size) == text) return size;
  }
  throw input_error("--size {}: expected tiny, small or full", text);
}

void run_benchmark_command(BenchmarkCommand command) {
  const std::vector<BenchmarkModel> models = benchmark_models(parse_size(command.size), Seed(command.seed));
  begin_computing(command.benchmark.run.n_threads);
  const std::unique_ptr<Ranks> ranks = join_ranks();
  command.benchmark.run.ranks = ranks.get();
  // One of the ranks is enough to say how far all are. The one that ends last prints the summary.
  const bool says = ranks == nullptr || ranks->rank() == 0;
  ProgressBar bar;
  command.benchmark.run.callbacks = run_callbacks(bar, command.quiet || !says);
  Benchmark benchmark;
  try {
    benchmark = run_benchmark(models, command.benchmark);
  } catch (const Error& error) {
    if (says || error.kind() != ErrorKind::kFailed) throw;
    // A rank that ends with a failure would end the ranks that are still at work.
    fmt::print(stderr, "rank {}: {}\n", ranks->rank(), error.what());
    return;
  }
  bar.clear();
  const std::filesystem::path& out = command.benchmark.out;
  if (!benchmark.left.empty()) {
    if (!says) return;
    fmt::print(
        "Other processes are at {} of {} models ({}). The one that ends last, or the same command later, writes "
        "the tables.\n",
        benchmark.left.size(), models.size(), fmt::join(benchmark.left, ", "));
    return;
  }
  const std::vector<SummaryFigure> summary = summary_of(benchmark.rows);
  std::vector<std::string> written = {"benchmark.csv", "benchmark_summary.csv"};
  write_file(out / written[0], benchmark_csv(benchmark.rows));
  write_file(out / written[1], summary_csv(summary));
  if (can_make_pages()) {
    written.emplace_back("report.html");
    write_file(out / written[2],
               benchmark_page(fmt::format("Benchmark of circuits: {}", command.size), benchmark.rows));
  }
  fmt::print("{}\n{}: {}\n", summary_table(summary), out.string(), fmt::join(written, ", "));
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
  add_option_with_default(*sub, "--seed", command->seed, "N", "Seed of all that is drawn");
  add_option(*sub, "--jobs", command->benchmark.run.n_jobs, "N", "Cells computed at the same time (default: measured)");
  add_threads_option(*sub, command->benchmark.run.n_threads);
  sub->add_flag("--wait", command->benchmark.run.wait,
                "Where another process works in the folder, wait until it has ended");
  add_option(*sub, "--shard", command->benchmark.run.shard, "NAME",
             "Work beside other processes on the same folder, each with a name of its own and at models of its own; "
             "the one that ends last writes the tables");
  sub->add_flag("--quiet", command->quiet, "No progress");
  sub->footer(
      "Writes benchmark.csv, benchmark_summary.csv and report.html, a page that opens offline. The same command\n"
      "with a finished FOLDER makes them again in seconds. Under mpirun each rank is a shard.\n\n"
      "Example:\n  cprobe benchmark --size tiny --out runs/benchmark");
  sub->callback([command] { run_benchmark_command(*command); });
}

}  // namespace cprobe
