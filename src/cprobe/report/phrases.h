#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/report/reported_findings.h"

namespace cprobe {

// Parts of sentences that several texts of a report share.

/// "0.981 ± 0.004"; without the deviation if there is none.
std::string text_of(const Spread& figure);

/// A figure of each run: "0.981"; "0.981, 0.975, -".
std::string of_each(const ReportedSet& on, const std::function<std::string(const JudgedFinding&)>& figure);

/// Three decimals, without a sign before zeros.
std::string number_text_of(double number);

/// As `number_text_of`; "-" for no number.
std::string number_or_dash(const std::optional<double>& number);

/// "p = 0.050 adjusted for 8 findings"; "p < 0.001"; of several runs, "p = 0.050, 0.050, -".
std::string p_text(const std::string& numbers, int64_t n_findings);

/// The p of each run, how many of its nulls the statistic is above and, where there is one, the q:
/// "p = 0.010 adjusted for 8 findings, above all 99 null circuits, q = 0.013". Empty if none has a
/// p for readers.
/// @param above  "above"; "more harm than".
/// @param nulls  "null circuits".
std::string p_words(const ReportedSet& on, Question question, std::string_view above, std::string_view nulls);

/// "above all 19 null circuits"; "above 17 of 19 null circuits"; of several runs, "above 19 of 19,
/// 8 of 19 null circuits". Empty if a run has no p for readers.
std::string rank_words(const ReportedSet& on, Question question, std::string_view above, std::string_view nulls);

/// "± sd of the null circuits", the words for figures with a deviation; empty if no run's nulls
/// have one.
std::string sd_words(const ReportedSet& on, Question question, std::string_view nulls);

/// The end of the interval that the answer rests on: "at least 0.931" for yes, "at most 0.031" for
/// no, both ends where neither decides. Empty without an interval.
std::string size_words(const JudgedQuestion& question);

/// "p(2 of 3 models) = 0.050"; "not tested over models, as 1 of 3 models has no such test". Empty
/// for a single model.
std::string over_models_words(const ReportedSet& on, Question question);

/// "0.412 to 0.930 over models"; "..., approximate". Empty without an interval over models.
std::string interval_over_models_words(const ReportedSet& on, Question question);

/// "over 56 types"; "over 12 types that no mask saw"; "over 512 types (each row is one),
/// approximate"; empty without types.
std::string types_words(const JudgedFinding& judged, const JudgedQuestion& question);

/// Texts that are not empty, with a separator between them.
std::string joined(std::vector<std::string> texts, std::string_view separator);

/// A text in parentheses with a space before them; empty for an empty text.
std::string in_parentheses(const std::string& text);

/// "accuracy on other types 0.981, null circuits 0.016 ± 0.008 (± sd of the null circuits; p =
/// 0.050, above all 19 null circuits, at least 0.931 above their mean, over 56 types)". Of several
/// runs, the figures of each.
std::string presence_figures(const ReportedSet& on);

/// "0.950, null variables 0.010 ± 0.006 (± sd of the null variables; p = 0.050, above all 19 null
/// variables, at least 0.900 above their mean)": a statistic beside its nulls. Of several runs, the
/// figures of each.
std::string beside_nulls(const ReportedSet& on, Question question, std::string_view nulls);

/// A share of each run, such as `keep`.
std::string share_of_each(const ReportedSet& on, std::optional<double> JudgedFinding::*share);

/// "L0.attn, L0.mlp"; of more than six, "8 components".
std::string sites_text(const std::vector<std::string>& sites);

/// Whether the variable is present in any of the runs.
bool is_present_somewhere(const ReportedSet& on);

/// The answers to one question: "yes"; "no: this search finds at most 0.031"; "received from token
/// 0". Of several runs, `answer_counts` and `over_models_words`: "yes in 3 of 3 models, p(2 of 3
/// models) = 0.050".
std::string answers_text(const ReportedFinding& finding, const ReportedSet& on, Question question);

/// The answers as single words: "no"; of several runs, "yes in 2, no in 1 of 3 models".
std::string answer_counts(const ReportedFinding& finding, const ReportedSet& on, Question question);

}  // namespace cprobe
