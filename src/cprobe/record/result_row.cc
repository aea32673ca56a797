#include "cprobe/record/result_row.h"

#include <algorithm>
#include <cmath>

#include "cprobe/core/error.h"
#include "cprobe/record/result_columns.h"

namespace cprobe {
namespace {

const AblationResult* find(const Findings::OnBehaviour& behaviour, AblationTarget target, Fill fill,
                           const std::string& matrix) {
  const auto found = std::ranges::find_if(behaviour.ablations, [&](const AblationResult& a) {
    return a.target == target && a.fill == fill && a.matrix == matrix;
  });
  return found == behaviour.ablations.end() ? nullptr : &*found;
}

FieldValue optional_number(const std::optional<double>& number) {
  return number ? FieldValue(*number) : FieldValue();
}

/// The reference's standard deviation has n in the denominator.
double population_deviation(const Spread& spread) {
  return std::sqrt(static_cast<double>(spread.n - 1) / static_cast<double>(spread.n)) * spread.sd.value_or(0);
}

/// The reference's behaviour columns: of the whole component with an empty prefix and hence a leading space, then of
/// each matrix.
void add_behaviour_columns(ResultRow& row, const Spec& spec, const Findings& findings) {
  std::vector<std::string> matrices = {"all"};
  if (spec.ablation.per_matrix) {
    for (const MatrixInfo& matrix : findings.circuit.matrices) matrices.push_back(matrix.short_name);
  }
  const Fill fill = spec.ablation.fills.front();
  for (const std::string& matrix : matrices) {
    const std::string prefix = matrix == "all" ? "" : matrix;
    for (const Findings::OnBehaviour& behaviour : findings.behaviours) {
      const AblationResult* ablated = find(behaviour, AblationTarget::kCircuit, fill, matrix);
      row.emplace_back(column::vanilla(behaviour.label, prefix), behaviour.vanilla);
      row.emplace_back(column::ablated(behaviour.label, prefix), ablated->accuracy.mean);
      if (spec.ablation.n_random == 0 || matrix != "all") continue;
      const AblationResult* random = find(behaviour, AblationTarget::kRandom, fill, matrix);
      row.emplace_back(column::random_mean(behaviour.label), random == nullptr ? FieldValue() : random->accuracy.mean);
      row.emplace_back("random ablate acc std " + behaviour.label,
                       random == nullptr ? FieldValue() : population_deviation(random->accuracy));
    }
  }
}

/// Ours, behind the reference's.
void add_own_columns(ResultRow& row, const Spec& spec, const Findings& findings) {
  const Circuit& circuit = findings.circuit;
  row.emplace_back(column::kKnnDraws, findings.knn.test.n);
  row.emplace_back(column::kKnnSd, optional_number(findings.knn.test.sd));
  row.emplace_back(column::kFullKnnSd, optional_number(findings.full_knn.test.sd));
  row.emplace_back(column::kCircuit, std::string(to_string(circuit.extent())));
  row.emplace_back("unit", std::string(to_string(circuit.unit)));
  row.emplace_back("protocol", std::string(to_string(spec.protocol)));
  row.emplace_back("model control", std::string(to_string(spec.control)));
  const Fill first = spec.ablation.fills.front();
  for (const Findings::OnBehaviour& behaviour : findings.behaviours) {
    const AblationResult* ablated = find(behaviour, AblationTarget::kCircuit, first, "all");
    const AblationResult* random = find(behaviour, AblationTarget::kRandom, first, "all");
    row.emplace_back(column::p(behaviour.label), optional_number(ablated->p));
    row.emplace_back(column::n_random(behaviour.label), random == nullptr ? int64_t{0} : random->accuracy.n);
    row.emplace_back(column::random_sd(behaviour.label),
                     random == nullptr ? FieldValue() : optional_number(random->accuracy.sd));
    row.emplace_back(column::note(behaviour.label),
                     random != nullptr ? "random controls " + random->note : ablated->note);
    if (spec.ablation.complement) {
      const AblationResult* complement = find(behaviour, AblationTarget::kComplement, first, "all");
      row.emplace_back(column::complement(behaviour.label), complement->accuracy.mean);
    }
    for (size_t i = 1; i < spec.ablation.fills.size(); ++i) {
      const Fill fill = spec.ablation.fills[i];
      row.emplace_back(column::ablated(behaviour.label, fill),
                       find(behaviour, AblationTarget::kCircuit, fill, "all")->accuracy.mean);
    }
  }
}

/// How the columns of an ablation's effect begin.
std::string_view effect_prefix(AblationTarget target) {
  switch (target) {
    case AblationTarget::kCircuit:
      return "ablated";
    case AblationTarget::kComplement:
      return "complement ablated";
    case AblationTarget::kRandom:
      return "random ablate";
  }
  throw failure("unknown ablation target");
}

/// One figure of an ablation's effect; of random controls mean and standard deviation.
void add_effect_columns(ResultRow& row, const std::string& name, const std::string& label, AblationTarget target,
                        const Spread* figure) {
  const std::string column = fmt::format("{} {}", effect_prefix(target), name);
  const bool is_random = target == AblationTarget::kRandom;
  row.emplace_back(fmt::format("{}{} {}", column, is_random ? " mean" : "", label),
                   figure == nullptr ? FieldValue() : figure->mean);
  if (!is_random) return;
  row.emplace_back(fmt::format("{} sd {}", column, label),
                   figure == nullptr ? FieldValue() : optional_number(figure->sd));
}

/// Ours, of specs that ask for effects: log-probability of the right next token and KL divergence, in nats.
void add_all_effect_columns(ResultRow& row, const Spec& spec, const Findings& findings) {
  std::vector<AblationTarget> targets = {AblationTarget::kCircuit};
  if (spec.ablation.n_random > 0) targets.push_back(AblationTarget::kRandom);
  if (spec.ablation.complement) targets.push_back(AblationTarget::kComplement);
  for (const Findings::OnBehaviour& behaviour : findings.behaviours) {
    const std::string& label = behaviour.label;
    row.emplace_back("vanilla log probability " + label, optional_number(behaviour.vanilla_log_probability));
    for (const AblationTarget target : targets) {
      const AblationResult* ablation = find(behaviour, target, spec.ablation.fills.front(), "all");
      const EffectSpread* effect = ablation == nullptr ? nullptr : &ablation->effect.value();
      add_effect_columns(row, "log probability", label, target, effect == nullptr ? nullptr : &effect->log_probability);
      add_effect_columns(row, "KL divergence", label, target, effect == nullptr ? nullptr : &effect->divergence);
    }
  }
}

/// The figures of one ablation.
void add_ablation(std::vector<Metric>& list, const Findings::OnBehaviour& behaviour, const AblationResult& a) {
  const auto add = [&](const char* name, const Spread& figure, const std::optional<double>& p = {},
                       const std::vector<double>& draws = {}) {
    Metric metric{.metric = ablation_metric(name, behaviour.label, a.matrix, a.fill),
                  .value = figure.mean,
                  .n = behaviour.n_rows,
                  .p = p,
                  .draws = draws,
                  .note = a.note};
    if (a.target != AblationTarget::kCircuit) metric.control = to_string(a.target);
    if (a.target == AblationTarget::kRandom) {
      metric.n = figure.n;
      metric.sd = figure.sd;
    }
    list.push_back(metric);
  };
  add(kAblatedAccuracy, a.accuracy, a.p, a.draws);
  if (!a.effect) return;
  add("log_probability", a.effect->log_probability);
  add("kl_divergence", a.effect->divergence);
}

}  // namespace

ResultRow result_row(const Spec& spec, const Cell& cell, const std::string& id, const Findings& f) {
  const bool is_default = spec.method == MaskKind::kContinuousSparsification;
  ResultRow row = {{column::kVariable, cell.variable},
                   {column::kId, id},
                   {"task", spec.task},
                   {"train length", f.n_train},
                   {"test length", f.n_test},
                   {"batch_size", cell.batch_size},
                   {"lr", cell.learning_rate},
                   {"data_seed", static_cast<int64_t>(spec.data_seed)},
                   {"model_seed", static_cast<int64_t>(cell.seed)},
                   {column::kLayer, cell.component.layer},
                   {column::kBlock, std::string(to_string(cell.component.block))},
                   {"probe index", cell.position},
                   {"mask_init", is_default ? FieldValue(cell.mask_option) : FieldValue()},
                   {"model path", spec.model.string()},
                   {"train loss", f.train_loss},
                   {"test loss", f.test_loss},
                   {"knn dev acc", f.knn.dev.mean},
                   {"dev majority acc", f.knn.dev_majority},
                   {column::kKnn, f.knn.test.mean},
                   {column::kMajority, f.knn.test_majority},
                   {"full model knn dev acc", f.full_knn.dev.mean},
                   {column::kFullKnn, f.full_knn.test.mean},
                   {column::kWeights, static_cast<double>(f.circuit.n_weights())},
                   {column::kMaxWeights, f.circuit.max_weights()}};
  add_behaviour_columns(row, spec, f);
  add_own_columns(row, spec, f);
  if (!is_default) {
    row.emplace_back("mask method", std::string(to_string(spec.method)));
    row.emplace_back(mask_option(spec.method).key, cell.mask_option);
  }
  if (spec.ablation.effect) add_all_effect_columns(row, spec, f);
  return row;
}

std::string method_name(const Spec& spec) {
  if (spec.method == MaskKind::kContinuousSparsification) return std::string(kCircuitProbing);
  return fmt::format("{} ({})", kCircuitProbing, to_string(spec.method));
}

std::vector<Metric> metrics(const Findings& f) {
  std::vector<Metric> list = {
      {.metric = "train_loss", .value = f.train_loss, .n = f.n_train},
      {.metric = "test_loss", .value = f.test_loss, .n = f.n_test},
      {.metric = "circuit_weights", .value = static_cast<double>(f.circuit.n_weights()), .n = f.circuit.max_weights()}};
  const auto add_knn = [&](const char* metric, const Spread& circuit, const Spread& full, double majority, int64_t n) {
    list.push_back({.metric = metric, .value = circuit.mean, .n = n, .sd = circuit.sd});
    list.push_back({.metric = metric, .value = full.mean, .n = n, .sd = full.sd, .control = "full model"});
    list.push_back({.metric = metric, .value = majority, .n = n, .control = "majority"});
  };
  add_knn("knn_dev_accuracy", f.knn.dev, f.full_knn.dev, f.knn.dev_majority, f.knn.n_dev);
  add_knn("knn_test_accuracy", f.knn.test, f.full_knn.test, f.knn.test_majority, f.knn.n_test);
  for (const Findings::OnBehaviour& behaviour : f.behaviours) {
    list.push_back(
        {.metric = "vanilla_accuracy " + behaviour.label, .value = behaviour.vanilla, .n = behaviour.n_rows});
    if (behaviour.vanilla_log_probability) {
      list.push_back({.metric = "vanilla_log_probability " + behaviour.label,
                      .value = *behaviour.vanilla_log_probability,
                      .n = behaviour.n_rows});
    }
    for (const AblationResult& a : behaviour.ablations) add_ablation(list, behaviour, a);
  }
  return list;
}

std::string number_text(double value) {
  std::string text = fmt::format("{}", value);
  if (std::isfinite(value) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string field_text(const FieldValue& field) {
  if (const double* number = std::get_if<double>(&field)) return number_text(*number);
  if (const int64_t* integer = std::get_if<int64_t>(&field)) return std::to_string(*integer);
  return std::get<std::string>(field);
}

}  // namespace cprobe
