#pragma once

#include <string>

#include "cprobe/report/reported_findings.h"

namespace cprobe {

// What a report says of one finding in words, by the rules of docs/statistics.md. A mask is called
// a circuit only where AnswersOfRun::is_circuit says so. Of several runs (models), each one's
// answer counts.

/// What the search kept: "A circuit of 45.0 % of the weights of L0.attn."
std::string mask_text(const ReportedFinding& finding, const ReportedSet& on);

/// Whether the variable is present in what the mask writes and, if so, whether it was made in the
/// component: the answers, with the figures behind them.
std::string presence_text(const ReportedFinding& finding, const ReportedSet& on);

/// What deleting the mask's weights does, and whether the behaviour needs them. Empty if the mask
/// is empty, because there is nothing to delete.
std::string deletion_text(const ReportedFinding& finding, const ReportedSet& on);

/// Whether the mask's weights suffice of their component; empty unless a run asks for it.
std::string sufficiency_text(const ReportedFinding& finding, const ReportedSet& on);

/// Whether the variable reaches the behaviour through the component, and through the mask's units;
/// empty if nothing was exchanged.
std::string exchange_text(const ReportedFinding& finding, const ReportedSet& on);

}  // namespace cprobe
