#pragma once

#include <string>
#include <vector>

#include "cprobe/record/replication.h"

namespace cprobe {

/// A line of a table of answers: one question's subject, such as `a^2` in the attention block, in
/// each model.
struct AnswersLine {
  std::vector<std::string> names;  ///< One for each heading.
  FindingOfModels findings;        ///< Of each model, none null; at least one.
};

/// The answers to the questions of docs/statistics.md as text: whether the variable is present and
/// made here, whether the behaviour needs the weights; below, for the lines that were asked,
/// whether the variable reaches the behaviour through the component and the units. Over models,
/// figures are means, p is the worst, and each answer is counted; two models and more also have p(u
/// of n models), three and more the effect's interval over models. A line below says of one model
/// that the answers are about this one.
/// @param headings  of the names of a line.
/// @param lines     at least one; all of the same models.
/// @param rules     by which all models are judged.
std::string answers_table(const std::vector<std::string>& headings, const std::vector<AnswersLine>& lines,
                          const JudgeOptions& rules = {});

/// The finding of a variable in a block ("attn" or "mlp") of layer 0 on a data set.
/// @throws Error (kFailed) if there is none.
const JudgedFinding& finding_of(const std::vector<JudgedFinding>& findings, std::string_view variable,
                                std::string_view block, std::string_view data);

}  // namespace cprobe
