#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "cli/compute_options.h"
#include "cprobe/core/error.h"
#include "cprobe/experiment/runner.h"
#include "cprobe/experiment/tables.h"
#include "cprobe/io/atomic_file.h"

namespace cprobe {
namespace {

struct FitCommand {
  std::filesystem::path spec;
  RunOptions run;
  bool json = false;
};

void run_fit(const FitCommand& command) {
  const std::string text = read_file(command.spec);
  Spec spec = parse_spec(Document::parse_yaml(text, command.spec.string()));
  spec.text = text;
  if (!spec.ignored_keys.empty()) {
    fmt::print(stderr, "{}: keys without meaning here are ignored: {}\n", command.spec.string(),
               fmt::join(spec.ignored_keys, ", "));
  }
  begin_computing(command.run.n_threads);
  const RunSummary summary = run(spec, command.run);
  const Store store = Store::open_existing(summary.out);
  if (command.json) {
    fmt::print("{}", results_json(store));
  } else {
    fmt::print("{}\n{} of {} cells computed now. Tables and circuits: {}\n", results_table(store), summary.n_computed,
               summary.n_cells, summary.out.string());
  }
  if (summary.failures.empty()) return;
  std::fflush(stdout);
  throw failure("{} of {} cells failed; the others are kept, and the same command tries these again:\n  {}",
                summary.failures.size(), summary.n_cells, fmt::join(summary.failures, "\n  "));
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
  add_threads_option(*command, options->run.n_threads);
  command->add_flag("--quiet", options->run.quiet, "No progress");
  command->add_flag("--json", options->json, "Print the results as JSON, one object per cell");
  command->footer(
      "The run folder holds run.sqlite, results.csv (one row per cell), metrics.csv (every figure), curves.csv and "
      "circuits/.\n"
      "A killed run continues with the same command; finished cells are never computed twice.\n\n"
      "Example:\n"
      "  cprobe train examples/tasks/exp1.yaml --out runs/toy --steps 1000\n"
      "  cprobe fit examples/exp1.yaml");
  command->callback([options] { run_fit(*options); });
}

}  // namespace cprobe
