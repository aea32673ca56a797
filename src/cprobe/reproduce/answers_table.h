#pragma once

#include <string>
#include <vector>

#include "cprobe/record/judged_words.h"

namespace cprobe {

/// A line of a table of answers: one question's subject, such as `a^2` in the attention block, in
/// each model.
struct AnswersLine {
  std::vector<std::string> names;              ///< One for each heading.
  std::vector<const JudgedFinding*> findings;  ///< Of each model, at least one.
};

/// The answers to the questions of docs/statistics.md as text: whether the variable is present and
/// made here, whether the behaviour needs the weights; below, for the lines that were asked,
/// whether the variable reaches the behaviour through the component and the units. Over models,
/// figures are means, p is the worst, and each answer is counted.
/// @param headings  of the names of a line.
std::string answers_table(const std::vector<std::string>& headings, const std::vector<AnswersLine>& lines);

/// The finding of a variable in a block ("attn" or "mlp") of layer 0 on a data set.
/// @throws Error (kFailed) if there is none.
const JudgedFinding& finding_of(const std::vector<JudgedFinding>& findings, std::string_view variable,
                                std::string_view block, std::string_view data);

}  // namespace cprobe
