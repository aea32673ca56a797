#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/model/forward.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// Model and data of a run, loaded once.
struct RunData {
  Model model;
  Dataset train;
  Dataset test;
  std::vector<std::pair<std::string, Dataset>> behaviour;  ///< Label -> data set on which ablations are measured.
  /// Of the model, then of every file and the task, and the kind of device where it is not the CPU.
  std::vector<std::string> fingerprints;
};

/// Loads everything, on the CPU. @param device where it will be computed: part of the fingerprints.
/// @throws Error (kInput) as load_model, load_token_csv, Tokenizer::load and load_language_data.
RunData load_run_data(const ModelSpec& model, const DataSpec& spec, at::Device device = at::kCPU);

/// Every data set once, though several names may stand for one.
std::vector<const Dataset*> data_sets(const RunData& data);

/// Bytes of the residual streams of all data sets, where they are largest.
int64_t streams_memory(const RunData& data);
/// Bytes of that of one data set.
int64_t stream_memory(const ModelConfig& config, const Dataset& data);
/// Where a run keeps its streams: in memory or, where they would take more than `memory` bytes, in scratch files in a
/// folder. @param device of the model. @throws Error (kInput) if they would take more and that is a GPU.
NewRows stream_rows(const RunData& data, at::Device device, int64_t memory, const std::filesystem::path& folder);

/// Complains about a cell whose variable or token is not in the data before anything is written; likewise about rows that
/// are longer than the context. @throws Error (kInput).
void check_labels(const Cell& cell, const RunData& data);

}  // namespace cprobe
