#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/run_summary.h"
#include "cprobe/core/error.h"
#include "cprobe/core/text_table.h"
#include "cprobe/record/result_tables.h"
#include "cprobe/run/runner.h"

namespace cprobe {
namespace {

struct BaselineCommand : RunCommand {
  std::vector<std::string> methods;
  bool list = false;
};

void print_methods(bool json) {
  if (json) {
    for (const MethodEntry& entry : baseline_methods()) {
      fmt::print("{}\n", nlohmann::ordered_json{{"method", entry.name}, {"what", entry.what}}.dump());
    }
    return;
  }
  std::vector<std::vector<std::string>> lines = {{"method", "what"}};
  for (const MethodEntry& entry : baseline_methods())
    lines.push_back({std::string(entry.name), std::string(entry.what)});
  fmt::print("{}", text_table(lines));
}

void run_baseline(const BaselineCommand& command) {
  if (command.list) return print_methods(command.json);
  if (command.spec.empty()) throw input_error("which spec? Give one, or --list for the methods");
  const Spec spec = read_spec_file(command.spec);
  begin_computing(command.run.n_threads);
  const auto print = [&](const Store& store, const RunSummary& summary) {
    if (command.json) return fmt::print("{}", methods_json(store));
    fmt::print("{}\n{} of {} cells computed now. Every figure: {}\n", methods_table(store), summary.n_computed,
               summary.n_cells, (summary.out / "metrics.csv").string());
  };
  run_and_print(
      command, [&](const RunOptions& options) { return run_baselines(spec, command.methods, options); }, print);
}

}  // namespace

void setup_baseline(CLI::App& app) {
  const auto options = std::make_shared<BaselineCommand>();
  CLI::App* command = app.add_subcommand("baseline", "Run comparison methods on a spec that fit reads");
  add_option(*command, "spec", options->spec, "SPEC.yaml", "Spec file, or one of the reference's flat configs");
  add_option(*command, "--methods", options->methods, "NAME,...",
             "Default: those under 'baselines' in the spec or, without it, all (--list)")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_flag("--list", options->list, "Print the methods and stop");
  add_run_options(
      *command, *options,
      "Print the figures as JSON, one object per line, and on stderr a line whenever a cell begins or ends");
  command->footer(
      "Every method looks at the same tokens, splits and seeds as fit. Where fit probes a block, a method reads\n"
      "(and replaces) the residual stream behind it: L0.mid after attention, L0.post after the MLP. Figures\n"
      "stand beside those of their controls; metrics.csv of the run folder has them in the columns of circuit\n"
      "probing. In protocol default each method but transfer is fitted again for every null variable of the\n"
      "spec (evaluate.null_variables), so that it says whether it finds more of the variable than of variables\n"
      "that mean nothing: up to 20 times the time, minutes a cell for DAS (its null_variables asks for fewer).\n"
      "Methods can be added to a folder one by one; what is finished is never computed twice.\n"
      "Options of a method go into the spec, under baselines (docs/file_formats.md).\n\n"
      "Example:\n"
      "  cprobe train examples/tasks/exp1.yaml --out runs/toy --steps 1000\n"
      "  cprobe baseline examples/exp1.yaml --methods linear_probe");
  command->callback([options] { run_baseline(*options); });
}

}  // namespace cprobe
