#include "cprobe/record/result_row.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "cprobe/core/error.h"
#include "cprobe/core/name_of.h"
#include "cprobe/core/number_text.h"

namespace cprobe {
namespace {

// Names that encoding and decoding share.
constexpr const char* kId = "model_id";
constexpr const char* kKnnDraws = "knn draws";
constexpr const char* kMaskMethod = "mask method";

using OnEvaluationSet = Findings::OnEvaluationSet;
using Figure = std::optional<double>;

/// Appends fields to a row of results.csv.
class RowWriter {
 public:
  void add(std::string name, const std::string& text) { row.push_back({std::move(name), text, true}); }
  void add(std::string name, std::string_view text) { add(std::move(name), std::string(text)); }
  void add(std::string name, int64_t integer) { row.push_back({std::move(name), std::to_string(integer), false}); }
  void add(std::string name, double number) { row.push_back({std::move(name), number_text(number), false}); }
  void add(std::string name, const Figure& figure) {
    if (figure) return add(std::move(name), *figure);
    add(std::move(name), std::string());
  }

  ResultRow row;
};

Figure mean_of(const AblationResult* ablation) {
  return ablation == nullptr ? Figure() : Figure(ablation->accuracy.mean);
}

/// The standard deviation with n in the denominator, as the reference has it.
Figure population_deviation(const AblationResult* random) {
  if (random == nullptr) return std::nullopt;
  const Spread& a = random->accuracy;
  return std::sqrt(static_cast<double>(a.n - 1) / static_cast<double>(a.n)) * a.sd.value_or(0);
}

/// kWhole, then the matrices that were ablated alone.
std::vector<std::string> ablated_matrices(const OnEvaluationSet& behaviour) {
  std::vector<std::string> matrices;
  for (const AblationResult& a : behaviour.ablations) {
    if (std::ranges::find(matrices, a.matrix) == matrices.end()) matrices.push_back(a.matrix);
  }
  return matrices;
}

/// Adds the reference's columns of ablations: of the whole component, with an empty prefix and
/// hence a leading space, then of each matrix.
void add_ablation_columns(RowWriter& row, const Findings& findings, const AblationOptions& asked) {
  if (findings.evaluation_sets.empty()) return;
  const Fill fill = asked.fills.front();
  for (const std::string& matrix : ablated_matrices(findings.evaluation_sets.front())) {
    const std::string prefix = matrix == kWhole ? "" : matrix;
    for (const OnEvaluationSet& on : findings.evaluation_sets) {
      row.add(fmt::format("{} vanilla acc {}", prefix, on.label), on.untouched);
      row.add(fmt::format("{} ablated acc {}", prefix, on.label),
              mean_of(on.find(AblationTarget::kCircuit, fill, matrix)));
      if (asked.n_random == 0 || matrix != kWhole) continue;
      const AblationResult* random = on.find(AblationTarget::kRandom, fill);
      row.add("random ablate acc mean " + on.label, mean_of(random));
      row.add("random ablate acc std " + on.label, population_deviation(random));
    }
  }
}

/// Adds a statistic beside the same of the null circuits, with its p before any adjustment.
void add_tested(RowWriter& row, const std::string& name, const std::string& data, const TestedFigure& tested) {
  const bool is_tested = !tested.nulls.empty();
  const Spread nulls = is_tested ? spread(tested.nulls) : Spread();
  const bool is_defined = tested.interval.n_types > 0;
  row.add(fmt::format("{} {}", name, data), is_defined ? Figure(tested.value) : Figure());
  row.add(fmt::format("{} null mean {}", name, data), is_tested ? Figure(nulls.mean) : Figure());
  row.add(fmt::format("{} null sd {}", name, data), is_tested ? nulls.sd : Figure());
  row.add(fmt::format("{} p {}", name, data),
          is_tested ? Figure(p_value(tested.value, tested.nulls, Stronger::kHigher)) : Figure());
}

void add_presence_columns(RowWriter& row, const Findings::Presence& on) {
  add_tested(row, "other types acc", on.data, on.present);
  row.add("full model other types acc " + on.data, on.present.interval.n_types > 0 ? Figure(on.whole) : Figure());
  add_tested(row, "made here", on.data, on.made_here);
  row.add("received from " + on.data, on.received_from);
}

/// Adds our columns, which follow the reference's.
void add_own_columns(RowWriter& row, const ProbedCell& cell, const AblationOptions& asked) {
  const Findings& f = cell.findings;
  row.add(kKnnDraws, f.knn.test.n);
  row.add("knn test sd", f.knn.test.sd);
  row.add("full model knn test sd", f.full_knn.test.sd);
  row.add("circuit", to_string(f.extent()));
  row.add("unit", to_string(cell.settings.unit));
  row.add("protocol", to_string(cell.settings.protocol));
  row.add("model control", to_string(cell.settings.control));
  if (!f.types.empty()) {
    row.add("types", f.types);
    row.add("null circuits", static_cast<int64_t>(f.null_weights.size()));
  }
  for (const Findings::Presence& on : f.presence) add_presence_columns(row, on);
  const Fill first = asked.fills.front();
  for (const OnEvaluationSet& on : f.evaluation_sets) {
    const AblationResult none, *found = on.find(AblationTarget::kCircuit, first);
    const AblationResult* circuit = found == nullptr ? &none : found;
    const AblationResult* random = on.find(AblationTarget::kRandom, first);
    row.add("ablated p " + on.label, circuit->p);
    row.add("random controls " + on.label, random == nullptr ? int64_t{0} : random->accuracy.n);
    row.add("random ablate acc sd " + on.label, random == nullptr ? Figure() : random->accuracy.sd);
    row.add("ablation note " + on.label, random != nullptr ? "random controls " + random->note() : circuit->note());
    if (asked.complement) {
      row.add("complement ablated acc " + on.label, mean_of(on.find(AblationTarget::kComplement, first)));
    }
    if (asked.sufficiency) {
      const AblationResult* only_random = on.find(AblationTarget::kRandomComplement, first);
      row.add("random complement ablated acc mean " + on.label, mean_of(only_random));
      row.add("random complement ablated acc sd " + on.label,
              only_random == nullptr ? Figure() : only_random->accuracy.sd);
    }
    for (size_t i = 1; i < asked.fills.size(); ++i) {
      const Fill fill = asked.fills[i];
      row.add(fmt::format("ablated acc {} ({} fill)", on.label, to_string(fill)),
              mean_of(on.find(AblationTarget::kCircuit, fill)));
    }
  }
}

/// Begins the names of the columns of an ablation's effect.
std::string_view effect_prefix(AblationTarget target) {
  return name_of(target, {"ablated", "complement ablated", "random ablate", "null circuits ablated",
                          "component ablated", "random complement ablated"});
}

/// Adds the columns for specs that ask for effects: log-probability of the right next token and KL
/// divergence, in nats. Random controls have a mean and a standard deviation.
void add_effect_columns(RowWriter& row, const Findings& findings, const AblationOptions& asked) {
  std::vector<AblationTarget> targets = {AblationTarget::kCircuit};
  if (asked.n_random > 0) targets.push_back(AblationTarget::kRandom);
  if (asked.complement) targets.push_back(AblationTarget::kComplement);
  for (const OnEvaluationSet& on : findings.evaluation_sets) {
    row.add("vanilla log probability " + on.label, on.untouched_log_probability);
    for (const AblationTarget target : targets) {
      const AblationResult* ablation = on.find(target, asked.fills.front());
      const auto add = [&](const char* name, Spread EffectSpread::*figure) {
        const std::string column = fmt::format("{} {}", effect_prefix(target), name);
        const bool is_random = target == AblationTarget::kRandom;
        const auto spread = ablation == nullptr ? std::nullopt : std::optional(ablation->effect.value().*figure);
        row.add(fmt::format("{}{} {}", column, is_random ? " mean" : "", on.label),
                spread ? Figure(spread->mean) : Figure());
        if (is_random) row.add(fmt::format("{} sd {}", column, on.label), spread ? spread->sd : Figure());
      };
      add("log probability", &EffectSpread::log_probability);
      add("KL divergence", &EffectSpread::divergence);
    }
  }
}

/// Looks up the fields of a row of results.csv by name.
class RowReader {
 public:
  explicit RowReader(const ResultRow& row) : row_(row) {}

  std::string text(std::string_view name) const {
    const auto found = std::ranges::find(row_, name, &ResultField::name);
    return found == row_.end() ? std::string() : found->text;
  }
  int64_t integer(std::string_view name, int64_t otherwise) const {
    return value(name, otherwise, [](const std::string& t) -> int64_t { return std::stoll(t); });
  }
  double number(std::string_view name, double otherwise) const {
    return value(name, otherwise, [](const std::string& t) { return std::stod(t); });
  }

 private:
  template <typename T, typename Parse>
  T value(std::string_view name, T otherwise, const Parse& parse) const {
    const std::string found = text(name);
    if (found.empty()) return otherwise;
    try {
      return parse(found);
    } catch (const std::exception&) {
      throw failure("the record holds '{}' as {}, which is no number", found, name);
    }
  }

  const ResultRow& row_;
};

/// The value among `all` that is written `text`; the first value if there is none.
template <typename Enum, size_t n>
Enum parsed(const std::string& text, const std::array<Enum, n>& all) {
  const auto found = std::ranges::find_if(all, [&](Enum one) { return to_string(one) == text; });
  return found == all.end() ? all.front() : *found;
}

FitNumbers decode_fit_numbers(const RowReader& row) {
  FitNumbers numbers;
  const auto given = [&](const char* name) { return !row.text(name).empty(); };
  if (given("epochs")) numbers.epochs = row.integer("epochs", 0);
  if (given("weight_decay")) numbers.weight_decay = row.number("weight_decay", 0);
  if (given("l0_weight")) numbers.l0_weight = row.number("l0_weight", 0);
  if (given("max_temperature")) numbers.max_temperature = row.number("max_temperature", 0);
  return numbers;
}

CellSettings decode_settings(const RowReader& row) {
  const MaskKind mask_method = parsed(row.text(kMaskMethod), kMaskKinds);
  const CellSettings defaults;
  return {.task = row.text("task"),
          .model = row.text("model path"),
          .cell = {.variable = row.text("variable"),
                   .component = {row.integer("target_layer", 0),
                                 parsed(row.text("operation"), std::array{Block::kAttention, Block::kMlp})},
                   .position = position_of(row.text("probe index")),
                   .seed = static_cast<uint64_t>(row.integer("model_seed", 0)),
                   .learning_rate = row.number("lr", defaults.cell.learning_rate),
                   .batch_size = row.integer("batch_size", defaults.cell.batch_size),
                   .mask_option = row.number(mask_option(mask_method).key, mask_option(mask_method).otherwise),
                   .fit_numbers = decode_fit_numbers(row)},
          .data_seed = static_cast<uint64_t>(row.integer("data_seed", 0)),
          .protocol = parsed(row.text("protocol"), std::array{Protocol::kDefault, Protocol::kPaper}),
          .control = parsed(row.text("model control"), kModelControls),
          .mask_method = mask_method,
          .unit = parsed(row.text("unit"), kMaskUnits)};
}

}  // namespace

ResultRow encode_row(const ProbedCell& cell, const AblationOptions& asked) {
  const CellSettings& s = cell.settings;
  const Findings& f = cell.findings;
  const bool is_default = s.mask_method == MaskKind::kContinuousSparsification;
  RowWriter row;
  row.add("variable", s.cell.variable);
  row.add(kId, cell.id);
  row.add("task", s.task);
  row.add("train length", f.n_train);
  row.add("test length", f.n_test);
  row.add("batch_size", s.cell.batch_size);
  row.add("lr", s.cell.learning_rate);
  row.add("data_seed", static_cast<int64_t>(s.data_seed));
  row.add("model_seed", static_cast<int64_t>(s.cell.seed));
  row.add("target_layer", s.cell.component.layer);
  row.add("operation", to_string(s.cell.component.block));
  const Position& position = s.cell.position;
  if (position.name.empty()) {
    row.add("probe index", position.index);
  } else {
    row.add("probe index", position.name);
  }
  row.add("mask_init", is_default ? Figure(s.cell.mask_option) : Figure());
  row.add("model path", s.model);
  row.add("train loss", f.train_loss);
  row.add("test loss", f.test_loss);
  row.add("knn dev acc", f.knn.dev.mean);
  row.add("dev majority acc", f.knn.dev_majority);
  row.add("knn test acc", f.knn.test.mean);
  row.add("test majority acc", f.knn.test_majority);
  row.add("full model knn dev acc", f.full_knn.dev.mean);
  row.add("full model knn test acc", f.full_knn.test.mean);
  row.add("L0 Norm", static_cast<double>(f.n_weights));
  row.add("L0 Max", f.max_weights);
  add_ablation_columns(row, f, asked);
  add_own_columns(row, cell, asked);
  if (!is_default) {
    row.add(kMaskMethod, to_string(s.mask_method));
    row.add(std::string(mask_option(s.mask_method).key), s.cell.mask_option);
  }
  const FitNumbers& numbers = s.cell.fit_numbers;
  if (numbers.epochs) row.add("epochs", *numbers.epochs);
  if (numbers.weight_decay) row.add("weight_decay", *numbers.weight_decay);
  if (numbers.l0_weight) row.add("l0_weight", *numbers.l0_weight);
  if (numbers.max_temperature) row.add("max_temperature", *numbers.max_temperature);
  if (asked.effect) add_effect_columns(row, f, asked);
  return std::move(row.row);
}

DecodedRow decode_row(const ResultRow& row) {
  const RowReader reader(row);
  return {.id = reader.text(kId), .settings = decode_settings(reader), .n_knn_draws = reader.integer(kKnnDraws, 1)};
}

}  // namespace cprobe
