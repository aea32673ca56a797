#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/progress_bar.h"
#include "cli/run_summary.h"
#include "cprobe/run/cluster/shards.h"

namespace cprobe {
namespace {

struct MergeCommand {
  std::filesystem::path run;
  bool json = false;
};

void run_merge(const MergeCommand& command) {
  ProgressBar bar;
  const MergeSummary summary = merge_shards(command.run, bar.on_message());
  if (command.json) {
    const nlohmann::ordered_json object = {{"shards", summary.n_shards},  {"gathered", summary.n_gathered},
                                           {"done", summary.n_done},      {"cells", summary.n_cells},
                                           {"working", summary.working},  {"damaged", summary.damaged},
                                           {"failures", summary.failures}};
    fmt::print("{}\n", object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("Gathered {} cells from {} shards; {} of {} are finished. Tables and circuits: {}\n", summary.n_gathered,
               summary.n_shards, summary.n_done, summary.n_cells, command.run.string());
    for (const std::string& label : summary.damaged) {
      fmt::print("{}: damaged in its shard; fit or baseline without --shard computes it again\n", label);
    }
    for (const std::string& shard : summary.working) {
      fmt::print("{}: still at work; merge again when it is done\n", shard);
    }
  }
  report_failures({.n_cells = summary.n_cells, .failures = summary.failures}, "fit or baseline");
}

}  // namespace

void setup_merge(CLI::App& app) {
  const auto options = std::make_shared<MergeCommand>();
  CLI::App* command = app.add_subcommand("merge", "Gather what shards of a run folder found into its record");
  add_option(*command, "run", options->run, "RUN", "Run folder")->required();
  command->add_flag("--json", options->json, "Print one JSON object");
  command->footer(
      "Processes that work on one run folder at the same time (fit and baseline with --shard NAME: the tasks\n"
      "of a Slurm array, say) each record what they find in RUN/shards/NAME. This brings it together, with\n"
      "the circuits, as one process would have left it. Shards stay as they are; merging again adds what\n"
      "came since (docs/cluster.md).\n\n"
      "Example (after `cprobe train examples/tasks/exp1.yaml --out runs/toy --steps 1000`):\n"
      "  for i in 1 2; do cprobe fit examples/exp1.yaml --out runs/shared --shard $i & done; wait\n"
      "  cprobe merge runs/shared");
  command->callback([options] { run_merge(*options); });
}

}  // namespace cprobe
