#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cprobe/circuit/fit.h"
#include "cprobe/evaluate/ablation.h"
#include "cprobe/io/document.h"
#include "cprobe/tasks/language_task.h"

namespace cprobe {

enum class Protocol {
  kDefault,  ///< Named random streams; kNN over all training tokens and many draws of the exemplars; random controls.
  kPaper,    ///< Replays the reference implementation's draws, so results can be compared mask by mask.
};

/// Negative controls: what is done to the model before it is probed.
enum class ModelControl {
  kNone,
  kRandomInit,  ///< All weights drawn again.
  kRandomInitKeepEmbeddings,
  kShuffledComponent,  ///< The entries of each matrix of the probed component in random order ("layer_reinit").
};
inline constexpr std::array kModelControls = {ModelControl::kNone, ModelControl::kRandomInit,
                                              ModelControl::kRandomInitKeepEmbeddings,
                                              ModelControl::kShuffledComponent};

std::string_view to_string(Protocol protocol);  ///< "default", "paper".
/// "none", "random_init", "random_init_keep_embeddings", "shuffled_component".
std::string_view to_string(ModelControl control);

/// The model that is probed.
struct ModelSpec {
  std::filesystem::path folder;  ///< Hugging Face folder.
  ModelControl control = ModelControl::kNone;
};

/// The data that a model is probed on.
struct DataSpec {
  std::string task = "arithmetic";
  std::optional<LanguageTask> language;  ///< Of a task over sentences; otherwise the three fields below name its files.
  std::filesystem::path train_csv;
  std::filesystem::path test_csv;
  /// Evaluation sets by label: ablations are measured on them. The test set under the label "Test" unless the spec says
  /// otherwise.
  std::vector<std::pair<std::string, std::filesystem::path>> evaluation_csvs;
  bool measure_behaviour = true;  ///< False: circuits are found and decoded, but not ablated.
};

/// The dimensions of the grid of cells; each list is one.
struct GridSpec {
  std::vector<std::string> variables;
  std::vector<int64_t> layers;  ///< Empty: all layers of the model.
  std::vector<Block> blocks = {Block::kAttention, Block::kMlp};
  std::vector<int64_t> positions = {-1};  ///< Probed token: from 0, or from the end when negative.
  std::vector<uint64_t> seeds = {0};  ///< kDefault: one cell each, with its own batches, exemplars and random controls.
  std::vector<double> learning_rates = {1e-3};
  std::vector<int64_t> batch_sizes = {500};
  /// Of the mask method's option: initial values, keep probabilities or densities.
  std::vector<double> mask_options = {0.0};
};

/// How each cell is probed.
struct ProbeSpec {
  Protocol protocol = Protocol::kDefault;
  /// kPaper: seeds the batches and exemplars (there, GridSpec::seeds affect only negative controls and the sampling of
  /// hard concrete masks). kDefault, and comparison methods: unused.
  uint64_t data_seed = 0;
  MaskKind mask_method = MaskKind::kContinuousSparsification;
  MaskUnit unit = MaskUnit::kNeuron;
  FitOptions fit;               ///< learning_rate and batch_size come from the grid.
  int64_t exemplar_draws = 20;  ///< kDefault: draws of one exemplar per class, >= 1.
  AblationOptions ablation;
};

/// A run as written in a spec file: what is probed, how, and over which grid.
struct Spec {
  ModelSpec model;
  DataSpec data;
  GridSpec grid;
  ProbeSpec probe;
  /// Comparison methods by name, each with its options or without a value (baselines/baseline.h). None: all, with their
  /// defaults.
  std::optional<Document> baselines;

  std::filesystem::path out;              ///< Run folder; may be empty (then the program must be told).
  std::string text;                       ///< The file it was read from, for the record; may be empty.
  std::vector<std::string> ignored_keys;  ///< Keys of a flat config that mean nothing here.
};

/// Reads a spec (docs/file_formats.md) or one of the reference's flat configs, which implies Protocol::kPaper.
/// Relative paths stay relative to the working directory. @throws Error (kInput) with file, line and column for an
/// unknown key (naming the nearest), a missing key, a wrong type or an impossible value.
/// @param method in place of the spec's own.
Spec parse_spec(const Document& yaml, std::optional<MaskKind> method = {});

/// One point of the grid.
struct Cell {
  std::string variable;
  ComponentRef component;
  int64_t position = -1;
  uint64_t seed = 0;
  double learning_rate = 1e-3;
  int64_t batch_size = 500;
  double mask_option = 0.0;

  friend bool operator==(const Cell&, const Cell&) = default;
};

/// All cells, in the reference's order: variable, learning rate, batch size, layer, position, block, mask option, seed.
/// @throws Error (kInput) if a layer does not exist.
std::vector<Cell> expand(const GridSpec& grid, const ModelConfig& config);

/// The identity of a cell: a hash (16 hexadecimal digits) of everything that can change its numbers, or which
/// there are.
/// @param fingerprints of the model and of each data file, in the spec's order.
std::string cell_id(const Spec& spec, const Cell& cell, const std::vector<std::string>& fingerprints, int n_threads);

/// The identity of a competing method's result, likewise.
/// @param method its name and settings. @param site what it looks at.
std::string baseline_id(const Spec& spec, const Cell& cell, const std::string& method, const std::string& site,
                        const std::vector<std::string>& fingerprints, int n_threads);

}  // namespace cprobe
