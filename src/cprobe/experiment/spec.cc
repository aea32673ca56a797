#include "cprobe/experiment/spec.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>

#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"

namespace cprobe {
namespace {

/// Changes whenever the numbers that a cell computes change.
constexpr int kNumericsVersion = 1;

constexpr std::array<std::string_view, 2> kProtocolNames = {"default", "paper"};
constexpr std::array<std::string_view, 4> kControlNames = {"none", "random_init", "random_init_keep_embeddings",
                                                           "shuffled_component"};

/// The enumerator whose text form the value is.
template <typename Enum>
Enum choice(const Document& value, std::initializer_list<Enum> options) {
  const std::string text = value.as_text();
  std::vector<std::string_view> names;
  for (const Enum option : options) {
    if (to_string(option) == text) return option;
    names.push_back(to_string(option));
  }
  throw value.error(fmt::format("'{}' is not one of {}", text, fmt::join(names, ", ")));
}

template <typename Convert>
auto list_of(const Document& value, Convert convert) {
  std::vector<decltype(convert(value))> converted;
  for (const Document& item : value.items_or_self()) {
    converted.push_back(convert(item));
    // Two equal values would be one cell twice.
    if (std::ranges::count(converted, converted.back()) > 1) throw item.error("this value stands twice in the list");
  }
  if (converted.empty()) throw value.error("expected at least one value, found an empty list");
  return converted;
}

uint64_t as_seed(const Document& value) {
  const int64_t seed = value.as_integer();
  if (seed < 0) throw value.error(fmt::format("a seed must not be negative, found {}", seed));
  return static_cast<uint64_t>(seed);
}

/// A seed of protocol paper: numpy's generator, which it also seeds, takes 32 bits.
uint64_t as_data_seed(const Document& value) {
  const uint64_t seed = as_seed(value);
  if (seed > std::numeric_limits<uint32_t>::max()) {
    throw value.error(fmt::format("a data_seed must be below 2^32, as numpy's must, found {}", seed));
  }
  return seed;
}

int64_t as_count(const Document& value, int64_t least) {
  const int64_t number = value.as_integer();
  if (number < least) throw value.error(fmt::format("expected a whole number of at least {}, found {}", least, number));
  return number;
}

double as_at_least(const Document& value, double least) {
  const double number = value.as_number();
  if (number < least) throw value.error(fmt::format("expected a number of at least {}, found {}", least, number));
  return number;
}

double as_positive(const Document& value) {
  const double number = value.as_number();
  if (number <= 0) throw value.error(fmt::format("expected a positive number, found {}", number));
  return number;
}

std::string text_of(const Document& value) {
  return value.as_text();
}
int64_t integer_of(const Document& value) {
  return value.as_integer();
}
double number_of(const Document& value) {
  return value.as_number();
}
int64_t layer_of(const Document& value) {
  return as_count(value, 0);
}
int64_t batch_of(const Document& value) {
  return as_count(value, 2);
}
Block block_of(const Document& value) {
  return choice(value, {Block::kAttention, Block::kMlp});
}
MaskUnit unit_of(const Document& value) {
  return choice(value, {MaskUnit::kNeuron, MaskUnit::kWeight});
}
Fill fill_of(const Document& value) {
  return choice(value, {Fill::kZero, Fill::kMean, Fill::kResample});
}

/// Calls `use` with the value of an optional key that has one.
template <typename Use>
void if_given(const Document& map, std::string_view key, Use use) {
  if (const Document* value = map.find(key); value != nullptr && !value->is_null()) use(*value);
}

void read_fit(const Document& map, Spec& spec) {
  constexpr std::array<std::string_view, 8> kKeys = {"unit",         "epochs",    "batch_size",      "learning_rate",
                                                     "weight_decay", "l0_weight", "max_temperature", "mask_init"};
  map.require_known_keys(kKeys);
  if_given(map, "unit", [&](const Document& v) { spec.unit = unit_of(v); });
  if_given(map, "epochs", [&](const Document& v) { spec.fit.epochs = as_count(v, 0); });
  if_given(map, "batch_size", [&](const Document& v) { spec.batch_sizes = list_of(v, batch_of); });
  if_given(map, "learning_rate", [&](const Document& v) { spec.learning_rates = list_of(v, as_positive); });
  if_given(map, "weight_decay", [&](const Document& v) { spec.fit.weight_decay = as_at_least(v, 0); });
  if_given(map, "l0_weight", [&](const Document& v) { spec.fit.l0_weight = as_at_least(v, 0); });
  if_given(map, "max_temperature", [&](const Document& v) { spec.fit.max_temperature = as_at_least(v, 1); });
  if_given(map, "mask_init", [&](const Document& v) { spec.mask_inits = list_of(v, number_of); });
}

void read_evaluate(const Document& map, Spec& spec) {
  constexpr std::array<std::string_view, 4> kKeys = {"exemplar_draws", "random_controls", "fills", "per_matrix"};
  map.require_known_keys(kKeys);
  if_given(map, "exemplar_draws", [&](const Document& v) {
    if (spec.protocol == Protocol::kPaper) throw v.error("protocol paper always draws the exemplars once");
    spec.exemplar_draws = as_count(v, 1);
  });
  if_given(map, "random_controls", [&](const Document& v) { spec.ablation.n_random = as_count(v, 0); });
  if_given(map, "per_matrix", [&](const Document& v) { spec.ablation.per_matrix = v.as_bool(); });
  if_given(map, "fills", [&](const Document& v) { spec.ablation.fills = list_of(v, fill_of); });
}

Spec parse_nested(const Document& yaml) {
  constexpr std::array<std::string_view, 13> kKeys = {"model",    "task",     "variables", "layers",   "blocks",
                                                      "position", "seeds",    "data_seed", "protocol", "control",
                                                      "fit",      "evaluate", "out"};
  yaml.require_known_keys(kKeys);
  Spec spec;
  spec.model = yaml.at("model").as_text();
  const Document& task = yaml.at("task");
  constexpr std::array<std::string_view, 4> kTaskKeys = {"name", "train", "test", "behaviour"};
  task.require_known_keys(kTaskKeys);
  if_given(task, "name", [&](const Document& v) { spec.task = v.as_text(); });
  spec.train_csv = task.at("train").as_text();
  spec.test_csv = task.at("test").as_text();
  spec.behaviour_csvs = {{"Test", spec.test_csv}};
  if_given(task, "behaviour", [&](const Document& v) {
    spec.behaviour_csvs.clear();
    for (const auto& [label, path] : v.entries()) spec.behaviour_csvs.emplace_back(label, path.as_text());
  });
  spec.variables = list_of(yaml.at("variables"), text_of);
  if_given(yaml, "layers", [&](const Document& v) {
    if (!(v.is_scalar() && v.as_text() == "all")) spec.layers = list_of(v, layer_of);
  });
  if_given(yaml, "blocks", [&](const Document& v) { spec.blocks = list_of(v, block_of); });
  if_given(yaml, "position", [&](const Document& v) { spec.positions = list_of(v, integer_of); });
  if_given(yaml, "seeds", [&](const Document& v) { spec.seeds = list_of(v, as_seed); });
  if_given(yaml, "protocol", [&](const Document& v) {
    spec.protocol = choice(v, {Protocol::kDefault, Protocol::kPaper});
  });
  if_given(yaml, "data_seed", [&](const Document& v) {
    if (spec.protocol != Protocol::kPaper) throw v.error("only protocol paper has a data_seed; give seeds instead");
    spec.data_seed = as_data_seed(v);
  });
  if_given(yaml, "control", [&](const Document& v) {
    spec.control = choice(v, {ModelControl::kNone, ModelControl::kRandomInit, ModelControl::kRandomInitKeepEmbeddings,
                              ModelControl::kShuffledComponent});
  });
  if_given(yaml, "fit", [&](const Document& v) { read_fit(v, spec); });
  if_given(yaml, "evaluate", [&](const Document& v) { read_evaluate(v, spec); });
  if_given(yaml, "out", [&](const Document& v) { spec.out = v.as_text(); });
  return spec;
}

/// Keys of the reference's configs that have no meaning here: circuits are always saved, below the run folder, and no
/// pictures are drawn while training.
constexpr std::array<std::string_view, 4> kIgnoredFlatKeys = {"gif", "gif_interval", "model_dir", "save_models"};

Spec parse_flat(const Document& yaml) {
  constexpr std::array<std::string_view, 28> kKeys = {"model_path",
                                                      "random_init",
                                                      "reinit_embeddings",
                                                      "layer_reinit",
                                                      "target_layer_list",
                                                      "operation_list",
                                                      "mask_init_list",
                                                      "max_temp",
                                                      "probe_index_list",
                                                      "train_data_path",
                                                      "test_data_path",
                                                      "variable",
                                                      "task",
                                                      "num_epochs",
                                                      "lr_list",
                                                      "batch_size_list",
                                                      "data_seed",
                                                      "l0_lambda",
                                                      "model_seed_list",
                                                      "num_random_ablations",
                                                      "lm_eval",
                                                      "results_dir",
                                                      "lm_same_task_path",
                                                      "lm_different_task_path",
                                                      "gif",
                                                      "gif_interval",
                                                      "model_dir",
                                                      "save_models"};
  yaml.require_known_keys(kKeys);
  Spec spec{.protocol = Protocol::kPaper};
  spec.ablation = {.n_random = 0, .complement = false};
  spec.model = yaml.at("model_path").as_text();
  spec.task = yaml.at("task").as_text();
  spec.train_csv = yaml.at("train_data_path").as_text();
  spec.test_csv = yaml.at("test_data_path").as_text();
  spec.behaviour_csvs = {{"Test", spec.test_csv}};
  if (spec.task == "multitask") {
    spec.behaviour_csvs = {{"Same", yaml.at("lm_same_task_path").as_text()},
                           {"Different", yaml.at("lm_different_task_path").as_text()}};
    spec.ablation.per_matrix = true;
  }
  if_given(yaml, "lm_eval", [&](const Document& v) {
    if (!v.as_bool()) spec.behaviour_csvs.clear();
  });
  spec.variables = list_of(yaml.at("variable"), text_of);
  spec.layers = list_of(yaml.at("target_layer_list"), layer_of);
  spec.blocks = list_of(yaml.at("operation_list"), block_of);
  spec.positions = list_of(yaml.at("probe_index_list"), integer_of);
  spec.seeds = list_of(yaml.at("model_seed_list"), as_seed);
  spec.learning_rates = list_of(yaml.at("lr_list"), as_positive);
  spec.batch_sizes = list_of(yaml.at("batch_size_list"), batch_of);
  spec.mask_inits = list_of(yaml.at("mask_init_list"), number_of);
  spec.data_seed = as_data_seed(yaml.at("data_seed"));
  spec.fit.epochs = as_count(yaml.at("num_epochs"), 0);
  spec.fit.l0_weight = as_at_least(yaml.at("l0_lambda"), 0);
  spec.fit.max_temperature = as_at_least(yaml.at("max_temp"), 1);
  if_given(yaml, "num_random_ablations", [&](const Document& v) { spec.ablation.n_random = as_count(v, 0); });
  const auto flag = [&](std::string_view key, bool otherwise) {
    const Document* value = yaml.find(key);
    return value == nullptr ? otherwise : value->as_bool();
  };
  if (flag("random_init", false) && flag("layer_reinit", false)) {
    throw yaml.at("layer_reinit").error("only one of random_init and layer_reinit can be the negative control");
  }
  if (flag("random_init", false)) {
    spec.control =
        flag("reinit_embeddings", true) ? ModelControl::kRandomInit : ModelControl::kRandomInitKeepEmbeddings;
  } else if (flag("layer_reinit", false)) {
    spec.control = ModelControl::kShuffledComponent;
  }
  if_given(yaml, "results_dir", [&](const Document& v) { spec.out = v.as_text(); });
  for (const std::string_view key : kIgnoredFlatKeys) {
    if (yaml.find(key) != nullptr) spec.ignored_keys.emplace_back(key);
  }
  for (const std::string_view key : {"lm_same_task_path", "lm_different_task_path"}) {
    if (spec.task != "multitask" && yaml.find(key) != nullptr) spec.ignored_keys.emplace_back(key);
  }
  return spec;
}

}  // namespace

std::string_view to_string(Protocol protocol) {
  return kProtocolNames[static_cast<size_t>(protocol)];
}
std::string_view to_string(ModelControl control) {
  return kControlNames[static_cast<size_t>(control)];
}

Spec parse_spec(const Document& yaml) {
  if (!yaml.is_map()) throw yaml.error("expected a spec: a map of keys such as model, task and variables");
  const bool flat = yaml.find("model_path") != nullptr || yaml.find("operation_list") != nullptr;
  return flat ? parse_flat(yaml) : parse_nested(yaml);
}

std::vector<Cell> expand(const Spec& spec, const ModelConfig& config) {
  std::vector<int64_t> layers = spec.layers;
  if (layers.empty()) {
    for (int64_t layer = 0; layer < config.n_layers; ++layer) layers.push_back(layer);
  }
  std::vector<Cell> cells;
  for (const std::string& variable : spec.variables)
    for (const double learning_rate : spec.learning_rates)
      for (const int64_t batch_size : spec.batch_sizes)
        for (const int64_t layer : layers)
          for (const int64_t position : spec.positions)
            for (const Block block : spec.blocks)
              for (const double mask_init : spec.mask_inits)
                for (const uint64_t seed : spec.seeds) {
                  require_component(config, {layer, block});
                  cells.push_back({variable, {layer, block}, position, seed, learning_rate, batch_size, mask_init});
                }
  return cells;
}

std::string cell_id(const Spec& spec, const Cell& cell, const std::vector<std::string>& fingerprints, int n_threads) {
  std::vector<std::string> labels, fills;
  for (const auto& [label, path] : spec.behaviour_csvs) labels.push_back(label);
  for (const Fill fill : spec.ablation.fills) fills.emplace_back(to_string(fill));
  const std::string text = fmt::format(
      "numerics {}|{}|{}|{}|{}|seed {} data {}|lr {} batch {} init {}|{} {} {}|epochs {} decay {} l0 {} temperature {}|"
      "draws {} random {} per matrix {} complement {} fills {}|behaviour {}|threads {}",
      kNumericsVersion, fmt::join(fingerprints, ","), cell.variable, to_string(cell.component), cell.position,
      cell.seed, spec.data_seed, cell.learning_rate, cell.batch_size, cell.mask_init, to_string(spec.protocol),
      to_string(spec.control), to_string(spec.unit), spec.fit.epochs, spec.fit.weight_decay, spec.fit.l0_weight,
      spec.fit.max_temperature, spec.exemplar_draws, spec.ablation.n_random, spec.ablation.per_matrix,
      spec.ablation.complement, fmt::join(fills, ","), fmt::join(labels, ","), n_threads);
  return to_hex(hash(text));
}

}  // namespace cprobe
