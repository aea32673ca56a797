#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "cli/compute_options.h"
#include "cli/run_summary.h"
#include "cli/spec_file.h"
#include "cprobe/core/error.h"
#include "cprobe/core/text_table.h"
#include "cprobe/record/tables.h"
#include "cprobe/run/baseline_runner.h"

namespace cprobe {
namespace {

struct BaselineCommand {
  std::filesystem::path spec;
  RunOptions run;
  std::vector<std::string> methods;
  bool list = false;
  bool quiet = false;
  bool json = false;
};

void print_methods() {
  std::vector<std::vector<std::string>> lines = {{"method", "what"}};
  for (const MethodEntry& entry : baseline_methods())
    lines.push_back({std::string(entry.name), std::string(entry.what)});
  fmt::print("{}", text_table(lines));
}

void run_baseline(const BaselineCommand& command) {
  if (command.list) return print_methods();
  if (command.spec.empty()) throw input_error("which spec? Give one, or --list for the methods");
  const Spec spec = read_spec_file(command.spec);
  begin_computing(command.run.n_threads);
  RunOptions options = command.run;
  ProgressBar bar;
  options.callbacks = run_callbacks(bar, command.quiet, command.json);
  const std::unique_ptr<Ranks> ranks = join_ranks();
  options.ranks = ranks.get();
  const RunSummary summary = run_baselines(spec, command.methods, options);
  bar.clear();
  if (summary.is_reported_by_rank_zero) return;
  for (const std::string& line : summary.left_out) fmt::print(stderr, "left out: {}\n", line);
  if (!options.shard.empty()) return print_shard(summary, command.json);
  const Store store = Store::open_existing(summary.out);
  if (command.json) {
    fmt::print("{}", methods_json(store));
  } else {
    fmt::print("{}\n{} of {} cells computed now. Every figure: {}\n", methods_table(store), summary.n_computed,
               summary.n_cells, (summary.out / "metrics.csv").string());
  }
  report_failures(summary);
}

}  // namespace

void setup_baseline(CLI::App& app) {
  const auto options = std::make_shared<BaselineCommand>();
  CLI::App* command = app.add_subcommand("baseline", "Run comparison methods on a spec that fit reads");
  command->add_option("spec", options->spec, "Spec file, or one of the reference's flat configs")
      ->type_name("SPEC.yaml");
  command
      ->add_option("--methods", options->methods,
                   "Default: those under 'baselines' in the spec or, without it, all (--list)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAME,...");
  command->add_flag("--list", options->list, "Print the methods and stop");
  add_run_options(*command, options->run);
  command->add_flag("--quiet", options->quiet, "No progress");
  command->add_flag(
      "--json", options->json,
      "Print the figures as JSON, one object per line, and on stderr a line whenever a cell begins or ends");
  command->footer(
      "Every method looks at the same tokens, splits and seeds as fit. Where fit probes a block, a method reads\n"
      "(and replaces) the residual stream behind it: L0.mid after attention, L0.post after the MLP. Figures\n"
      "stand beside those of their controls; metrics.csv of the run folder has them in the columns of circuit\n"
      "probing. Methods can be added to a folder one by one; what is finished is never computed twice.\n"
      "Options of a method go into the spec, under baselines (docs/file_formats.md).\n\n"
      "Example:\n"
      "  cprobe train examples/tasks/exp1.yaml --out runs/toy --steps 1000\n"
      "  cprobe baseline examples/exp1.yaml --methods linear_probe");
  command->callback([options] { run_baseline(*options); });
}

}  // namespace cprobe
