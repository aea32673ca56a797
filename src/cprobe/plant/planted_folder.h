#pragma once

#include <filesystem>
#include <vector>

#include "cprobe/plant/acceptance.h"
#include "cprobe/plant/planted.h"

namespace cprobe {

/// Writes a planted model into a folder: config.json, model.safetensors, train.csv, test.csv,
/// truth.json and spec.yaml, a spec of all its hypotheses in all its components. Tests the truth
/// (`check_truth`) and measures its importances. The same model gives the same bytes.
/// @throws Error (kInput) as check_truth; (kFailed) if a file cannot be written.
void write_planted(Planted planted, const std::filesystem::path& folder);

/// All rows of a planted folder, training rows first, with their variables.
/// @throws Error (kInput) as load_token_csv.
Dataset load_planted_rows(const std::filesystem::path& folder, int64_t vocab);

/// Reads model, truth and data of a folder, and tests the truth.
/// @throws Error (kInput) as load_model, load_truth, load_token_csv and check_truth.
std::vector<PlantedExchange> check_planted(const std::filesystem::path& folder);

}  // namespace cprobe
