#include "cli/run_summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>

#include "cprobe/core/error.h"

namespace cprobe {

void report_failures(const RunSummary& summary) {
  if (summary.failures.empty()) return;
  std::fflush(stdout);
  throw failure(
      "{} of {} cells failed; the others are kept, and the same command, without --overwrite, tries these again:\n  {}",
      summary.failures.size(), summary.n_cells, fmt::join(summary.failures, "\n  "));
}

}  // namespace cprobe
