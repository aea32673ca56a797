#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cprobe/circuit/fit.h"
#include "cprobe/data/held_out_types.h"
#include "cprobe/data/types.h"
#include "cprobe/evaluate/ablation.h"
#include "cprobe/evaluate/inference.h"
#include "cprobe/io/document.h"
#include "cprobe/tasks/language_task.h"

namespace cprobe {

/// How batches and exemplars are drawn.
enum class Protocol {
  /// From named random streams. kNN uses all training tokens and several draws of the exemplars.
  kDefault,
  /// As the reference implementation draws them, so that results can be compared mask by mask.
  kPaper,
};

/// Negative controls: what is done to the model before it is probed.
enum class ModelControl {
  kNone,
  kRandomInit,                ///< Draws all weights again.
  kRandomInitKeepEmbeddings,  ///< Draws all weights but the embeddings again.
  /// Shuffles the entries of each matrix of the probed component (the reference's "layer_reinit").
  kShuffledComponent,
};
inline constexpr std::array kModelControls = {ModelControl::kNone, ModelControl::kRandomInit,
                                              ModelControl::kRandomInitKeepEmbeddings,
                                              ModelControl::kShuffledComponent};

std::string_view to_string(Protocol protocol);  ///< "default", "paper".
/// "none", "random_init", "random_init_keep_embeddings", "shuffled_component".
std::string_view to_string(ModelControl control);

/// The model that is probed.
struct ModelSpec {
  std::filesystem::path folder;  ///< A Hugging Face folder.
  ModelControl control = ModelControl::kNone;
};

/// The data that a model is probed on.
struct DataSpec {
  std::string task = "arithmetic";
  /// Set for a task over sentences, whose files it names. The next three fields are then unused.
  std::optional<LanguageTask> language;
  std::filesystem::path train_csv;
  std::filesystem::path test_csv;
  /// Label and file of each evaluation set. Ablations are measured on these sets. Unless the spec
  /// names others, the only one is the test set, labelled "Test".
  std::vector<std::pair<std::string, std::filesystem::path>> evaluation_csvs;
  bool measure_behaviour = true;  ///< False: circuits are found and decoded, but not ablated.
  Bins bins;                      ///< Of columns that are probed.
  /// On what variables depend: `task.type` and `task.block`. Variable -> options; the entry "" is
  /// for all variables without an entry of their own.
  std::map<std::string, TypeOptions> types;

  const TypeOptions& types_of(const std::string& variable) const;
};

inline constexpr int64_t kBatchSize = 500;

/// Numbers of FitOptions of which a spec gives several values, which makes them a dimension of the
/// grid. Of those that are not set ProbeSpec::fit has the value.
struct FitNumbers {
  std::optional<int64_t> epochs;
  std::optional<double> weight_decay, l0_weight, max_temperature;

  /// Name (such as "weight_decay") and text of those that are set.
  std::vector<std::pair<std::string, std::string>> texts() const;

  friend bool operator==(const FitNumbers&, const FitNumbers&) = default;
};

/// The grid of cells. Each list is a dimension.
struct GridSpec {
  std::vector<std::string> variables;
  std::vector<int64_t> layers;  ///< Empty: all layers of the model.
  std::vector<Block> blocks = {Block::kAttention, Block::kMlp};
  std::vector<Position> positions = {-1};  ///< Of the probed token.
  /// kDefault: each seed gives cells with batches, exemplars and random controls of their own.
  /// kPaper: see ProbeSpec::data_seed.
  std::vector<uint64_t> seeds = {0};
  std::vector<double> learning_rates = {default_fit(MaskKind::kHardConcrete).learning_rate};
  std::vector<int64_t> batch_sizes = {kBatchSize};
  /// Whether a quarter of the rows takes the place of kBatchSize where there are fewer rows.
  bool batch_follows_data = true;
  std::vector<FitNumbers> fit_numbers = {{}};
  /// Values of the mask method's option: initial values, keep probabilities or densities.
  std::vector<double> mask_options = {mask_option(MaskKind::kHardConcrete).otherwise};
};

/// How exchanges are measured (docs/statistics.md, questions 3 and 4).
struct ExchangeOptions {
  int64_t n_rows = 200;     ///< Rows of each evaluation set, at most, >= 0. 0: none is measured.
  int64_t n_controls = 19;  ///< Random sets of the circuit's size, >= 0.
};

/// How each cell is probed.
struct ProbeSpec {
  Protocol protocol = Protocol::kDefault;
  /// kPaper only: seeds the batches and exemplars. GridSpec::seeds then affect only negative
  /// controls, the sampling of hard concrete masks and the random draws of ablations. Comparison
  /// methods do not use this seed.
  uint64_t data_seed = 0;
  MaskKind mask_method = MaskKind::kHardConcrete;
  MaskUnit unit = MaskUnit::kNeuron;
  ExchangeOptions exchange;                               ///< Questions 3 and 4.
  FitOptions fit = default_fit(MaskKind::kHardConcrete);  ///< Its learning_rate and batch_size come from the grid.
  int64_t exemplar_draws = 20;                            ///< kDefault: draws of one exemplar per class, >= 1.
  /// kDefault: null variables whose circuits are found beside each circuit, >= 0. 0: questions that
  /// need them are not tested.
  int64_t null_variables = 19;
  /// kDefault: share of the types that masks and exemplars never see, in [0, kMostHeldOut].
  /// Question 1 is then asked on types that no training row has.
  double held_out_types = 0;
  AblationOptions ablation = {.n_random = 39, .component = true};
  JudgeOptions judge;  ///< kDefault. No part of a cell's identity, as no figure depends on these.
};

/// A run as written in a spec file: what is probed, how, and over which grid.
struct Spec {
  ModelSpec model;
  DataSpec data;
  GridSpec grid;
  ProbeSpec probe;
  /// Variable -> title, as the spec writes them: what reports call the variable. Empty without
  /// titles. No part of a cell's identity, as no figure depends on them.
  std::map<std::string, std::string> titles;
  /// A map from the names of comparison methods to their options (baselines/baseline.h). A name
  /// without a value has the method's defaults. If not set: all methods, with their defaults.
  std::optional<Document> baselines;

  std::filesystem::path out;              ///< Run folder; if empty, RunOptions::out must name one.
  std::string text;                       ///< The spec file's text, for the record; may be empty.
  std::vector<std::string> ignored_keys;  ///< Keys of a flat config that have no effect.
};

/// The mask method of a spec that names none.
MaskKind usual_method(Protocol protocol);

/// Sets the mask method, the default value of its option, and its TrainingDefaults. Protocol paper
/// trains all methods as the paper does (FitOptions).
void set_method(Spec& spec, MaskKind method);

/// Reads a spec (docs/file_formats.md), or a flat config of the reference, which implies
/// Protocol::kPaper. Relative paths stay relative to the working directory.
/// @param method  mask method in place of the spec's own.
/// @throws Error (kInput)
///   - with file, line and column: an unknown key (suggests the nearest), a missing key, a wrong
///     type, an impossible value;
///   - naming the task: in protocol paper, test rows of a language task that do not divide into
///     batches.
Spec parse_spec(const Document& yaml, std::optional<MaskKind> method = {});

/// One point of the grid.
struct Cell {
  std::string variable;
  ComponentRef component;
  Position position;
  uint64_t seed = 0;
  double learning_rate = default_fit(MaskKind::kHardConcrete).learning_rate;
  int64_t batch_size = 500;
  double mask_option = cprobe::mask_option(MaskKind::kHardConcrete).otherwise;
  FitNumbers fit_numbers = {};

  friend bool operator==(const Cell&, const Cell&) = default;
};

/// The options that a cell's masks are trained with.
FitOptions fit_options(const ProbeSpec& spec, const Cell& cell);

/// All cells of the grid, in the reference's order: variable, learning rate, batch size, layer,
/// position, block, mask option, numbers of the training, seed.
/// @throws Error (kInput) if a layer does not exist.
std::vector<Cell> expand(const GridSpec& grid, const ModelConfig& config);

/// The identity of a cell: a hash (16 hexadecimal digits) of all that decides which numbers the
/// cell has, and their values.
/// @param fingerprints  of the model and of each data file, in the spec's order.
/// @param n_threads     threads of the cell.
std::string cell_id(const Spec& spec, const Cell& cell, const std::vector<std::string>& fingerprints, int n_threads);

/// The identity of a comparison method's cell, as `cell_id`.
/// @param method  the method's name and settings.
/// @param site    what the method looks at.
/// @param with_nulls  whether the method puts a figure beside null variables.
std::string baseline_id(const Spec& spec, const Cell& cell, const std::string& method, const std::string& site,
                        const std::vector<std::string>& fingerprints, int n_threads, bool with_nulls);

}  // namespace cprobe
