#include "cprobe/spec/spec.h"

#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"
#include "cprobe/core/name_of.h"
#include "cprobe/core/number_text.h"
#include "cprobe/spec/spec_values.h"

namespace cprobe {
namespace {

/// Parts of every identity, raised whenever the numbers that a cell computes change.
constexpr int kNumericsVersion = 6;
/// Of hard concrete, whose closed units are left out of a step since 7.
constexpr int kHardConcreteNumericsVersion = 7;
/// Of unit head, whose ablation leaves queries and keys alone since 8.
constexpr int kHeadNumericsVersion = 8;
/// Of what is decoded from a component's input, in protocol default. 2: also by a linear read-out.
constexpr int kInputsVersion = 2;
/// Of comparison methods. Those of protocol paper have kept their numbers since version 5.
constexpr int kBaselineNumericsVersion = 6;
constexpr int kPaperBaselineNumericsVersion = 5;

/// Labels of the evaluation sets; part of a cell's identity. The sets of a language task are in the
/// task's fingerprint already, so for such a task only "not measured" is recorded.
std::vector<std::string> evaluation_labels(const Spec& spec) {
  std::vector<std::string> labels;
  if (!spec.data.measure_behaviour && spec.data.language) return {"not measured"};
  if (!spec.data.measure_behaviour) return labels;
  for (const auto& [label, path] : spec.data.evaluation_csvs) labels.push_back(label);
  return labels;
}

/// What decides the null variables of a variable, beside the data.
std::string null_variables_text(const Spec& spec, const std::string& variable) {
  std::vector<std::string> parts;
  const TypeOptions& types = spec.data.types_of(variable);
  for (const TypeOptions::Part& part : types.parts) {
    const auto* column = std::get_if<std::string>(&part);
    parts.push_back(column != nullptr ? *column : fmt::format("token {}", std::get<int64_t>(part)));
  }
  const std::string held_out =
      spec.probe.held_out_types == 0 ? "" : fmt::format(" held out {}", spec.probe.held_out_types);
  return fmt::format("|nulls {} types {} block {}{}", spec.probe.null_variables, fmt::join(parts, ","), types.block,
                     held_out);
}

/// What decides the null variables and exchanges of a cell, beside its data.
std::string null_text(const Spec& spec, const std::string& variable) {
  return fmt::format("{} exchange {} {} inputs {}", null_variables_text(spec, variable), spec.probe.exchange.n_rows,
                     spec.probe.exchange.n_controls, kInputsVersion);
}

/// Refuses a language task in protocol paper whose test rows do not divide into batches, because
/// the reference drops an incomplete last batch.
void require_complete_batches(const Spec& spec) {
  if (spec.probe.protocol != Protocol::kPaper || !spec.data.language) return;
  for (const int64_t batch_size : spec.grid.batch_sizes) {
    if (spec.data.language->test_rows.value_or(kTestRows) % batch_size == 0) continue;
    throw input_error(
        "task '{}': in protocol paper the number of test rows ({}) must be a multiple of the batch size "
        "({}), because the reference drops an incomplete last batch",
        spec.data.language->name, spec.data.language->test_rows.value_or(kTestRows), batch_size);
  }
}

}  // namespace

std::string_view to_string(Protocol protocol) {
  return name_of(protocol, {"default", "paper"});
}

std::string_view to_string(ModelControl control) {
  return name_of(control, {"none", "random_init", "random_init_keep_embeddings", "shuffled_component"});
}

Spec parse_spec(const Document& yaml, std::optional<MaskKind> method) {
  if (!yaml.is_map()) throw yaml.error("expected a spec: a map of keys such as model, task and variables");
  const bool flat = yaml.find("model_path") != nullptr || yaml.find("operation_list") != nullptr;
  Spec spec = flat ? parse_flat_spec(yaml, method) : parse_nested_spec(yaml, method);
  require_complete_batches(spec);
  if (spec.probe.protocol == Protocol::kPaper) {
    // What the reference does not have, or draws otherwise.
    spec.probe.null_variables = 0;
    spec.probe.ablation.random_sets = RandomSets::kComplement;
    spec.probe.ablation.component = false;
  }
  return spec;
}

const TypeOptions& DataSpec::types_of(const std::string& variable) const {
  static const TypeOptions none;
  for (const std::string& name : {variable, std::string()}) {
    const auto found = types.find(name);
    if (found != types.end()) return found->second;
  }
  return none;
}

std::vector<Cell> expand(const GridSpec& grid, const ModelConfig& config) {
  std::vector<int64_t> layers = grid.layers;
  if (layers.empty()) {
    for (int64_t layer = 0; layer < config.n_layers; ++layer) layers.push_back(layer);
  }
  std::vector<Cell> cells;
  for (const std::string& variable : grid.variables)
    for (const double learning_rate : grid.learning_rates)
      for (const int64_t batch_size : grid.batch_sizes)
        for (const int64_t layer : layers)
          for (const Position& position : grid.positions)
            for (const Block block : grid.blocks)
              for (const double mask_option : grid.mask_options)
                for (const FitNumbers& numbers : grid.fit_numbers)
                  for (const uint64_t seed : grid.seeds) {
                    require_component(config, {layer, block});
                    cells.push_back(
                        {variable, {layer, block}, position, seed, learning_rate, batch_size, mask_option, numbers});
                  }
  return cells;
}

MaskKind usual_method(Protocol protocol) {
  return protocol == Protocol::kPaper ? MaskKind::kContinuousSparsification : MaskKind::kHardConcrete;
}

void set_method(Spec& spec, MaskKind method) {
  spec.probe.mask_method = method;
  const bool is_paper = spec.probe.protocol == Protocol::kPaper;
  const MaskOption option = mask_option(method);
  spec.grid.mask_options = {is_paper ? option.in_papers_training : option.otherwise};
  spec.probe.fit = is_paper ? FitOptions() : default_fit(method);
  spec.grid.learning_rates = {spec.probe.fit.learning_rate};
}

std::vector<std::pair<std::string, std::string>> FitNumbers::texts() const {
  std::vector<std::pair<std::string, std::string>> texts;
  if (epochs) texts.emplace_back("epochs", std::to_string(*epochs));
  if (weight_decay) texts.emplace_back("weight_decay", number_text(*weight_decay));
  if (l0_weight) texts.emplace_back("l0_weight", number_text(*l0_weight));
  if (max_temperature) texts.emplace_back("max_temperature", number_text(*max_temperature));
  return texts;
}

FitOptions fit_options(const ProbeSpec& spec, const Cell& cell) {
  FitOptions fit = spec.fit;
  const FitNumbers& numbers = cell.fit_numbers;
  fit.learning_rate = cell.learning_rate;
  fit.batch_size = cell.batch_size;
  fit.epochs = numbers.epochs.value_or(fit.epochs);
  fit.weight_decay = numbers.weight_decay.value_or(fit.weight_decay);
  fit.max_temperature = numbers.max_temperature.value_or(fit.max_temperature);
  if (numbers.l0_weight) fit.l0_weights = {*numbers.l0_weight};
  return fit;
}

std::string cell_id(const Spec& spec, const Cell& cell, const std::vector<std::string>& fingerprints, int n_threads) {
  std::vector<std::string> fills;
  for (const Fill fill : spec.probe.ablation.fills) fills.emplace_back(to_string(fill));
  // Names the mask method, effects and sufficiency only if they are not the defaults, so that cells
  // with the defaults keep the identities that earlier versions gave them.
  const std::string method = spec.probe.mask_method == MaskKind::kContinuousSparsification
                                 ? ""
                                 : fmt::format("|method {}", to_string(spec.probe.mask_method));
  const std::string_view effects = spec.probe.ablation.effect && spec.data.measure_behaviour ? "|effects" : "";
  const std::string_view sufficiency =
      spec.probe.ablation.sufficiency && spec.data.measure_behaviour ? "|sufficiency" : "";
  const std::string nulls = spec.probe.protocol == Protocol::kPaper ? "" : null_text(spec, cell.variable);
  const FitOptions fit = fit_options(spec.probe, cell);
  const int numerics = spec.probe.unit == MaskUnit::kHead                  ? kHeadNumericsVersion
                       : spec.probe.mask_method == MaskKind::kHardConcrete ? kHardConcreteNumericsVersion
                                                                           : kNumericsVersion;
  const std::string text = fmt::format(
      "numerics {}|{}|{}|{}|{}|seed {} data {}|lr {} batch {} init {}|{} {} {}|epochs {} decay {} l0 {} temperature {}|"
      "draws {} random {} per matrix {} complement {} fills {}|behaviour {}|threads {}{}{}{}{}",
      numerics, fmt::join(fingerprints, ","), cell.variable, to_string(cell.component), to_string(cell.position),
      cell.seed, spec.probe.data_seed, cell.learning_rate, cell.batch_size, cell.mask_option,
      to_string(spec.probe.protocol), to_string(spec.model.control), to_string(spec.probe.unit), fit.epochs,
      fit.weight_decay, l0_weights_text(fit), fit.max_temperature, spec.probe.exemplar_draws,
      spec.probe.ablation.n_random, spec.probe.ablation.per_matrix, spec.probe.ablation.complement,
      fmt::join(fills, ","), fmt::join(evaluation_labels(spec), ","), n_threads, effects, method, sufficiency, nulls);
  return to_hex(hash(text));
}

std::string baseline_id(const Spec& spec, const Cell& cell, const std::string& method, const std::string& site,
                        const std::vector<std::string>& fingerprints, int n_threads, bool with_nulls) {
  const bool is_paper = spec.probe.protocol == Protocol::kPaper;
  const std::string nulls = is_paper || !with_nulls ? "" : null_variables_text(spec, cell.variable);
  return to_hex(hash(fmt::format("baseline numerics {}|{}|{}|{}|{}|{}|seed {}|{} {}|behaviour {}|threads {}{}",
                                 is_paper ? kPaperBaselineNumericsVersion : kBaselineNumericsVersion,
                                 fmt::join(fingerprints, ","), method, cell.variable, site, to_string(cell.position),
                                 cell.seed, to_string(spec.probe.protocol), to_string(spec.model.control),
                                 fmt::join(evaluation_labels(spec), ","), n_threads, nulls)));
}

}  // namespace cprobe
