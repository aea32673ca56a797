#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cprobe/spec/titles.h"

namespace cprobe {

/// Prints the contents of a run folder. While a process works in the folder, also prints how far
/// the run has come.
/// @param json  prints one JSON object.
void print_run(const std::filesystem::path& folder, bool json);

/// The answers that a run has about the cell of a circuit file in its folder `circuits`: a list of
/// {"data", "name", "question", "answer", "p_adjusted"}, one per data set and question that the run
/// put. Empty if the file lies in no run folder, or the run has no answers about the cell.
nlohmann::ordered_json answers_about(const std::filesystem::path& circuit, const std::string& cell);

/// What the run of a circuit file in its folder `circuits` calls its variables. Empty if the file
/// lies in no run folder.
Titles titles_beside(const std::filesystem::path& circuit);

/// Prints a list of `answers_about` as a table.
void print_answers(const nlohmann::ordered_json& answers);

/// Replaces a damaged record by its intact part (Store::repair) and prints which cells are lost.
/// @throws Error (kInput) as `Store::repair`, or if a process works in the folder.
void repair_run(const std::filesystem::path& folder);

}  // namespace cprobe
