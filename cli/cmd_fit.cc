#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "cprobe/core/threads.h"
#include "cprobe/experiment/runner.h"

namespace cprobe {
namespace {

struct FitCommand {
  std::filesystem::path spec;
  RunOptions run;
  bool json = false;
};

void run_fit(const FitCommand& command) {
  const Spec spec = parse_spec(Document::read_yaml(command.spec));
  if (!spec.ignored_keys.empty()) {
    fmt::print(stderr, "{}: keys without meaning here are ignored: {}\n", command.spec.string(),
               fmt::join(spec.ignored_keys, ", "));
  }
  if (const std::string warning = blas_warning(); !warning.empty()) fmt::print(stderr, "warning: {}\n", warning);
  const RunSummary summary = run(spec, command.run);
  if (command.json) {
    fmt::print("{}", results_json(Store::open(summary.out)));
    return;
  }
  fmt::print("{}\n{} of {} cells computed now. Tables and circuits: {}\n", summary.table, summary.n_computed,
             summary.n_cells, summary.out.string());
}

}  // namespace

void setup_fit(CLI::App& app) {
  const auto options = std::make_shared<FitCommand>();
  CLI::App* command = app.add_subcommand("fit", "Find circuits, decode and ablate them: the main job");
  command
      ->add_option("spec", options->spec,
                   "Spec file, or one of the reference's flat configs (which implies protocol paper)")
      ->required()
      ->type_name("SPEC.yaml");
  command->add_option("-o,--out", options->run.out, "Run folder; default: the spec's 'out' or 'results_dir'")
      ->type_name("FOLDER");
  command->add_flag("--overwrite", options->run.overwrite, "Remove an earlier run in the folder first");
  command->add_option("--threads", options->run.n_threads, "Threads; default: all processors")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  command->add_flag("--quiet", options->run.quiet, "No progress");
  command->add_flag("--json", options->json, "Print the results as JSON, one object per cell");
  command->footer(
      "The run folder holds run.sqlite, results.csv (one row per cell), metrics.csv (every figure), curves.csv and "
      "circuits/.\n"
      "A killed run continues with the same command; finished cells are never computed twice.\n\n"
      "Example:\n"
      "  cprobe train examples/tasks/exp1.yaml --out runs/exp1/seed_0 --steps 1000\n"
      "  cprobe fit examples/exp1.yaml");
  command->callback([options] { run_fit(*options); });
}

}  // namespace cprobe
