#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/data/null_variables.h"
#include "cprobe/model/forward.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// Model and data of a run, loaded once.
struct RunData {
  Model model;
  Dataset train;
  Dataset test;
  /// Label -> evaluation set. Ablations are measured on these sets.
  std::vector<std::pair<std::string, Dataset>> evaluation_sets;
  /// Label -> set that is only decoded, because the task does not say what the model should say.
  std::vector<std::pair<std::string, Dataset>> decoded_sets = {};
  /// By variable. Those that are not here are made when a cell needs them.
  std::map<std::string, NullHypothesis> nulls = {};
  /// Fingerprints of the model, of every data file, and, for a language task, of the tokenizer's
  /// files, of the tokens (LanguageData::token_fingerprint) and the task; then the kind of the
  /// device, unless the device is the CPU.
  std::vector<std::string> fingerprints;
  /// Column -> title, as the file beside the training data says (tasks/column_formulas.h).
  std::map<std::string, std::string> titles = {};
  std::vector<std::string> notes = {};     ///< What was chosen because the spec leaves it to the data.
  std::vector<std::string> warnings = {};  ///< What is odd about the data (data/duplicates.h).
};

/// Loads model and data, on the CPU.
/// @param variables  that are probed, so that their columns may hold any classes (data/classes.h).
/// @param device     where the run computes; part of the fingerprints.
/// @throws Error (kInput) as load_model, load_token_csvs, Tokenizer::load and load_language_data.
RunData load_run_data(const ModelSpec& model, const DataSpec& spec, const std::vector<std::string>& variables,
                      at::Device device = at::kCPU);
/// Those of a spec. Warns of positions that count special tokens of the tokenizer.
RunData load_run_data(const Spec& spec, at::Device device = at::kCPU);

/// The distinct data sets. An evaluation set may be the test set under another name.
std::vector<const Dataset*> data_sets(const RunData& data);
/// The place of a data set, or of a copy, among `data_sets`.
size_t place_of(const RunData& data, const Dataset& set);

/// Bytes of the residual streams of all data sets, each in the layer where it is largest.
int64_t streams_memory(const RunData& data);
/// Where a run keeps its streams: in memory or, if the streams need more than `memory` bytes, in
/// scratch files in `folder`.
/// @param device  of the model.
/// @throws Error (kInput) if the streams need more than `memory` bytes and the device is a GPU.
NewRows stream_rows(const RunData& data, at::Device device, int64_t memory, const std::filesystem::path& folder);

/// Checks a cell against the data before anything is written.
/// @throws Error (kInput) if the training or test data lack the cell's variable or token, or a row
///         of any data set is longer than the model's context.
void check_labels(const Cell& cell, const RunData& data);

}  // namespace cprobe
