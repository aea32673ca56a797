#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/plan_text.h"
#include "cli/progress_bar.h"
#include "cli/run_summary.h"
#include "cprobe/core/error.h"
#include "cprobe/record/result_tables.h"
#include "cprobe/run/runner.h"

namespace cprobe {
namespace {

struct FitCommand : RunCommand {
  bool dry_run = false;
  std::string method;
};

void run_fit(const FitCommand& command) {
  std::optional<MaskKind> method;
  if (!command.method.empty()) method = parse_mask_kind(command.method);
  const Spec spec = read_spec_file(command.spec, method);
  begin_computing(command.run.n_threads);
  if (command.dry_run) {
    RunOptions options = command.run;
    ProgressBar bar;
    options.callbacks = run_callbacks(bar, command.quiet);
    const RunPlan plan = plan_run(spec, options);
    bar.clear();
    return command.json ? print_plan_json(plan) : print_plan(plan);
  }
  const auto print = [&](const Store& store, const RunSummary& summary) {
    if (command.json) return fmt::print("{}", results_json(store));
    fmt::print("{}\n{} of {} cells computed now. Tables and circuits: {}\n", results_table(store), summary.n_computed,
               summary.n_cells, summary.out.string());
  };
  run_and_print(
      command, [&](const RunOptions& options) { return run(spec, options); }, print);
}

}  // namespace

void setup_fit(CLI::App& app) {
  const auto options = std::make_shared<FitCommand>();
  CLI::App* command = app.add_subcommand("fit", "Find circuits, decode and ablate them: the main job");
  add_option(*command, "spec", options->spec, "SPEC.yaml",
             "Spec file, or one of the reference's flat configs (which implies protocol paper)")
      ->required();
  add_option(*command, "--method", options->method, "NAME",
             "How masks are found, in place of the spec's fit.method; one of " + mask_method_names());
  command->add_flag("--dry-run", options->dry_run,
                    "Print the cells, the expected time and memory, what p and effects could be told, and stop");
  add_run_options(*command, *options,
                  "Print the results as JSON, one object per cell, and on stderr a line whenever a cell begins or "
                  "ends; of a dry run, one object");
  command->footer(
      "A spec names a model folder, a task (its sentences or rows), variables, layers and blocks. Every\n"
      "layer x block x variable x seed is a cell: its circuit is trained to tell the variable's values\n"
      "apart, decoded by nearest neighbours, ablated beside random circuits of its size, and becomes a\n"
      "row of the table. Without 'layers' and 'blocks' the sweep covers the whole model. Cells go from the\n"
      "first component to the last, so that the model runs once; only what lies behind a component is\n"
      "computed again for its ablations. Beside each circuit, those of 19 null variables are found\n"
      "(evaluate.null_variables): the variable is present where its circuit tells more about types that\n"
      "the exemplars do not have than theirs do. docs/statistics.md has every test. Each circuit is\n"
      "chosen among those of several L0 weights, the smallest that decodes as well as the best.\n"
      "Begin with --dry-run. The run folder holds run.sqlite, results.csv (one row per cell),\n"
      "metrics.csv (every figure), curves.csv, path.csv and circuits/. A killed run continues with the same\n"
      "command, a wider grid computes what is new: no cell is computed twice. Under mpirun, ranks share\n"
      "the cells out.\n\n"
      "Examples:\n"
      "  cprobe train examples/tasks/exp1.yaml --out runs/toy --steps 1000 && cprobe fit examples/exp1.yaml\n"
      "  cprobe fit examples/smollm2_agreement.yaml --dry-run");
  command->callback([options] { run_fit(*options); });
}

}  // namespace cprobe
