#pragma once

#include <string>
#include <vector>

#include "cprobe/report/reported_findings.h"

namespace cprobe {

// What a report says in words, by the rules of docs/statistics.md. A mask is called a circuit only
// where AnswersOfRun::is_circuit says so. Of several runs (models), each one's answer counts.

/// What the search kept: "A circuit of 45.0 % of the weights of L0.attn."
std::string mask_text(const ReportedFinding& finding, const ReportedSet& on);

/// Whether the variable is present in what the mask writes and, if so, whether it was made in the
/// component: the answers, with the figures behind them.
std::string presence_text(const ReportedFinding& finding, const ReportedSet& on);

/// What deleting the mask's weights does, and whether the behaviour needs them. Empty if the mask
/// is empty, because there is nothing to delete.
std::string deletion_text(const ReportedFinding& finding, const ReportedSet& on);

/// Whether the variable reaches the behaviour through the component, and through the mask's units;
/// empty if nothing was exchanged.
std::string exchange_text(const ReportedFinding& finding, const ReportedSet& on);

/// The answers to one question: "yes"; "no: this search finds at most 0.031"; "received from token
/// 0". Of several runs, as `answer_counts`.
std::string answers_text(const ReportedFinding& finding, const ReportedSet& on, Question question);

/// The answers as single words: "no"; of several runs, "yes in 2, no in 1 of 3 models".
std::string answer_counts(const ReportedFinding& finding, const ReportedSet& on, Question question);

/// The verdict on a variable: where it is present, whether it was made there, and where the
/// behaviour needs the weights.
/// @param findings  at least one; all of one variable, series, step and options.
/// @param data      the label of a data set; findings without it are left out.
std::string verdict_text(const std::vector<const ReportedFinding*>& findings, const std::string& data);

/// What a negative control was made of, and what its answers mean; empty for an empty `control`.
/// @param control  as ReportedFinding::control.
std::string control_text(const std::string& control);

}  // namespace cprobe
