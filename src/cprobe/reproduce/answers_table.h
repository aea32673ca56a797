#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/record/replication.h"

namespace cprobe {

/// The answers to questions 1 and 2 about findings of several models, as an aligned text table: a
/// line for each finding with means over models, the number of each answer and, for two models and
/// more, p(u of n models); for three and more also the effect's interval over models. A line below
/// the table says of one model that the answers are about this one.
/// @param models      at least one; all with the same findings in the same order.
/// @param rules       by which all models are judged.
/// @param meaning_of  a variable's name for readers.
std::string answers_table(const std::vector<std::vector<JudgedFinding>>& models, const JudgeOptions& rules,
                          const std::function<std::string_view(std::string_view variable)>& meaning_of);

}  // namespace cprobe
