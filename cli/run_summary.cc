#include "cli/run_summary.h"

#include <cstdio>

#include "cli/events.h"
#include "cprobe/core/error.h"
#include "cprobe/core/name_of.h"

namespace cprobe {
namespace {

void print_cell_event(const CellEvent& event) {
  const std::string_view kind = name_of(event.kind, {"begun", "done", "failed"});
  nlohmann::ordered_json line = {{"event", kind},        {"cell", event.cell.id},      {"label", event.cell.label},
                                 {"done", event.n_done}, {"running", event.n_running}, {"failed", event.n_failed},
                                 {"of", event.n_cells}};
  if (!event.problem.empty()) line["error"] = event.problem;
  print_event(line);
}

/// Prints the summary of a process that worked on a run folder beside other processes. The other
/// processes may still be at work.
void print_shard(const RunSummary& summary, bool json) {
  if (json) {
    const nlohmann::ordered_json object = {
        {"computed", summary.n_computed}, {"elsewhere", summary.n_elsewhere}, {"cells", summary.n_cells}};
    fmt::print("{}\n", object.dump());
    return;
  }
  fmt::print("{} of {} cells computed here, {} by others. When all are done: cprobe merge {}\n", summary.n_computed,
             summary.n_cells, summary.n_elsewhere, summary.out.string());
}

}  // namespace

RunCallbacks run_callbacks(ProgressBar& bar, bool quiet) {
  RunCallbacks callbacks{.on_message = bar.on_message(!quiet)};
  if (!quiet) callbacks.on_progress = bar.on_progress();
  if (!quiet && speaks_json()) callbacks.on_cell = print_cell_event;
  return callbacks;
}

void run_and_print(const RunCommand& command, const std::function<RunSummary(const RunOptions&)>& run,
                   const std::function<void(const Store&, const RunSummary&)>& print) {
  RunOptions options = command.run;
  ProgressBar bar;
  options.callbacks = run_callbacks(bar, command.quiet);
  const std::unique_ptr<Ranks> ranks = join_ranks();
  options.ranks = ranks.get();
  const RunSummary summary = run(options);
  bar.clear();
  if (summary.is_reported_by_rank_zero) return;
  if (speaks_json()) {
    print_event({{"event", "run"},
                 {"out", summary.out.string()},
                 {"computed", summary.n_computed},
                 {"failed", summary.failures.size()},
                 {"of", summary.n_cells}});
  }
  for (const std::string& line : summary.left_out) say(Message::Kind::kNote, "left out: " + line);
  if (options.shard.empty()) {
    print(Store::open_existing(summary.out), summary);
  } else {
    print_shard(summary, command.json);
  }
  report_failures(summary);
}

void report_failures(const RunSummary& summary, const std::string& command) {
  if (summary.failures.empty()) return;
  std::fflush(stdout);
  throw failure("{} of {} cells failed; the others are kept, and {} with --retry failed tries these again:\n  {}",
                summary.failures.size(), summary.n_cells, command, fmt::join(summary.failures, "\n  "));
}

}  // namespace cprobe
