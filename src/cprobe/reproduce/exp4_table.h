#pragma once

#include <string>
#include <vector>

#include "cprobe/record/recorded.h"
#include "cprobe/reproduce/published_exp4.h"

namespace cprobe {

/// The finished cells of a language task as a titled text table: a line for each component and
/// evaluation set; below, their answers.
/// @param model  the model whose published figures stand in brackets; nullptr: no such figures.
std::string experiment4_table(const std::vector<ProbedCell>& cells, const PublishedModel* model, PaperTask task);

}  // namespace cprobe
