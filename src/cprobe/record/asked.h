#pragma once

#include <limits>
#include <optional>
#include <string>

#include "cprobe/record/recorded.h"

/// What the questions of docs/statistics.md need of the record of one cell.
namespace cprobe {

/// The figure of one question, beside its nulls.
struct Asked {
  TestedFigure figure;
  double room = std::numeric_limits<double>::infinity();  ///< As for verdict_on.
};

/// What a cell found about presence on one data set; nullptr if nothing.
const Findings::Presence* presence_on(const ProbedCell& cell, const std::string& data);

/// What a cell found by exchange on one data set; nullptr if nothing.
const Findings::Exchange* exchange_on(const ProbedCell& cell, const std::string& data);

/// One for each question of JudgedFinding. None if the cell was not asked.
/// @param data  label of the data set.
std::optional<Asked> ask_present(const ProbedCell& cell, const std::string& data);
std::optional<Asked> ask_made_here(const ProbedCell& cell, const std::string& data);
/// The accuracy that ablating the circuit takes. Only uniform random sets give a p.
std::optional<Asked> ask_needed(const ProbedCell& cell, const std::string& data);
/// The accuracy with only the circuit left of its component.
std::optional<Asked> ask_sufficient(const ProbedCell& cell, const std::string& data);
std::optional<Asked> ask_through_component(const ProbedCell& cell, const std::string& data);
std::optional<Asked> ask_through_units(const ProbedCell& cell, const std::string& data);
/// The same units against null circuits.
std::optional<Asked> ask_chosen(const ProbedCell& cell, const std::string& data);

}  // namespace cprobe
