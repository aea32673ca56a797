#include "cli/run_summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cprobe/core/error.h"

namespace cprobe {

namespace {

std::string_view name_of(CellEvent::Kind kind) {
  switch (kind) {
    case CellEvent::Kind::kBegun:
      return "begun";
    case CellEvent::Kind::kDone:
      return "done";
    case CellEvent::Kind::kFailed:
      return "failed";
  }
  return "";
}

void print_json(const CellEvent& event) {
  nlohmann::ordered_json line = {
      {"event", name_of(event.kind)}, {"cell", event.cell.id},    {"label", event.cell.label}, {"done", event.n_done},
      {"running", event.n_running},   {"failed", event.n_failed}, {"of", event.n_cells}};
  if (!event.problem.empty()) line["error"] = event.problem;
  fmt::print(stderr, "{}\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  std::fflush(stderr);
}

}  // namespace

RunCallbacks run_callbacks(ProgressBar& bar, bool quiet, bool json) {
  const bool has_bar = !quiet && !json;
  RunCallbacks callbacks{.on_message = bar.on_message(has_bar)};
  if (has_bar) callbacks.on_progress = bar.on_progress();
  if (json && !quiet) callbacks.on_cell = print_json;
  return callbacks;
}

void print_shard(const RunSummary& summary, bool json) {
  if (json) {
    const nlohmann::ordered_json object = {
        {"computed", summary.n_computed}, {"elsewhere", summary.n_elsewhere}, {"cells", summary.n_cells}};
    fmt::print("{}\n", object.dump());
    return report_failures(summary);
  }
  fmt::print("{} of {} cells computed here, {} by others. When all are done: cprobe merge {}\n", summary.n_computed,
             summary.n_cells, summary.n_elsewhere, summary.out.string());
  report_failures(summary);
}

void report_failures(const RunSummary& summary, const std::string& command) {
  if (summary.failures.empty()) return;
  std::fflush(stdout);
  throw failure("{} of {} cells failed; the others are kept, and {} with --retry failed tries these again:\n  {}",
                summary.failures.size(), summary.n_cells, command, fmt::join(summary.failures, "\n  "));
}

}  // namespace cprobe
