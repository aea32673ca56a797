#include "cli/run_summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cprobe/core/error.h"

namespace cprobe {

Following following(bool quiet, bool json) {
  if (quiet) return Following::kQuiet;
  return json ? Following::kJson : Following::kBar;
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
