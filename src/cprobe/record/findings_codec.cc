#include "cprobe/record/findings_codec.h"

#include <algorithm>
#include <cmath>

#include "cprobe/core/name_of.h"
#include "cprobe/core/number_text.h"
#include "cprobe/evaluate/tested_metric.h"
#include "cprobe/record/metric_names.h"
#include "cprobe/record/question_codec.h"
#include "cprobe/record/result_row.h"

namespace cprobe {
namespace {

// Names that encoding and decoding share.
constexpr const char* kFullModel = "full model";
constexpr const char* kMajority = "majority";
const std::string kAtWeight = "L0 weight ";

using OnEvaluationSet = Findings::OnEvaluationSet;
using Figure = std::optional<double>;

bool has_several_runs(AblationTarget target) {
  return target == AblationTarget::kRandom || target == AblationTarget::kNull ||
         target == AblationTarget::kRandomComplement;
}

void encode_ablation(std::vector<Metric>& list, const OnEvaluationSet& on, const AblationResult& a) {
  const auto add = [&](std::string_view name, const Spread& figure, const Figure& p = {},
                       const std::vector<double>& draws = {}) {
    Metric metric{.metric = ablation_metric(name, on.label, a),
                  .value = figure.mean,
                  .n = on.n_rows,
                  .p = p,
                  .draws = draws,
                  .note = a.note()};
    if (a.target != AblationTarget::kCircuit) metric.control = to_string(a.target);
    if (has_several_runs(a.target)) {
      metric.n = figure.n;
      metric.sd = figure.sd;
    }
    list.push_back(metric);
  };
  add(kAblatedAccuracy, a.accuracy, a.p, a.draws);
  if (a.harm) {
    list.push_back(with_interval({.metric = ablation_metric(kHarm, on.label, a), .value = a.harm->mean}, *a.harm));
  }
  if (a.gain) {
    list.push_back(
        with_interval({.metric = ablation_metric(kSufficiency, on.label, a), .value = a.gain->mean}, *a.gain));
  }
  if (!a.effect) return;
  add(kLogProbability, a.effect->log_probability);
  add(kDivergence, a.effect->divergence);
}

/// What was ablated for a metric.
AblationTarget target_of(const Metric& m) {
  for (const AblationTarget target : {AblationTarget::kRandom, AblationTarget::kComplement, AblationTarget::kNull,
                                      AblationTarget::kComponent, AblationTarget::kRandomComplement}) {
    if (m.control == to_string(target)) return target;
  }
  return AblationTarget::kCircuit;
}

/// The figure in an ablation's metric. Random controls and null circuits have a deviation, and n
/// counts them.
Spread decode_figure(const Metric& m) {
  const bool is_random = has_several_runs(target_of(m));
  return {.mean = m.value, .sd = is_random ? m.sd : Figure(), .n = is_random ? m.n : 1};
}

AblationResult decode_ablation(const Metric& m, std::string_view behind) {
  AblationResult a{.target = target_of(m), .accuracy = decode_figure(m), .draws = m.draws, .p = m.p};
  MatrixAndFill ablated = read_matrix_and_fill(behind);
  a.matrix = std::move(ablated.matrix);
  a.fill = ablated.fill;
  a.read_note(m.note);
  return a;
}

/// The circuits found at several L0 weights: n counts a circuit's weights.
void encode_path(std::vector<Metric>& list, const std::vector<Findings::PathStep>& path) {
  for (const Findings::PathStep& step : path) {
    list.push_back({.metric = std::string(kPathAccuracy),
                    .value = step.accuracy,
                    .n = step.n_weights,
                    .sd = step.standard_error,
                    .control = kAtWeight + number_text(step.l0_weight),
                    .note = step.is_chosen ? std::string(kChosen) : std::string()});
  }
}

std::vector<Metric> encode_metrics(const Findings& f) {
  std::vector<Metric> list = {
      {.metric = "train_loss", .value = f.train_loss, .n = f.n_train},
      {.metric = "test_loss", .value = f.test_loss, .n = f.n_test},
      {.metric = "circuit_weights", .value = static_cast<double>(f.n_weights), .n = f.max_weights}};
  encode_path(list, f.path);
  const auto add_knn = [&](const char* metric, const Spread& circuit, const Spread& full, double majority, int64_t n) {
    list.push_back({.metric = metric, .value = circuit.mean, .n = n, .sd = circuit.sd});
    list.push_back({.metric = metric, .value = full.mean, .n = n, .sd = full.sd, .control = kFullModel});
    list.push_back({.metric = metric, .value = majority, .n = n, .control = kMajority});
  };
  add_knn("knn_dev_accuracy", f.knn.dev, f.full_knn.dev, f.knn.dev_majority, f.knn.n_dev);
  add_knn("knn_test_accuracy", f.knn.test, f.full_knn.test, f.knn.test_majority, f.knn.n_test);
  encode_questions(list, f);
  for (const OnEvaluationSet& on : f.evaluation_sets) {
    list.push_back(
        {.metric = fmt::format("{} {}", kUntouchedAccuracy, on.label), .value = on.untouched, .n = on.n_rows});
    if (on.untouched_log_probability) {
      list.push_back({.metric = fmt::format("{} {}", kUntouchedLogProbability, on.label),
                      .value = *on.untouched_log_probability,
                      .n = on.n_rows});
    }
    for (const AblationResult& a : on.ablations) encode_ablation(list, on, a);
  }
  return list;
}

/// Reads a metric of decoding by nearest neighbours.
/// @param n_draws  number of draws of exemplars, which metrics do not hold.
void decode_knn(Findings& f, const Metric& m, bool is_test, int64_t n_draws) {
  for (KnnResult* knn : {&f.knn, &f.full_knn}) {
    (is_test ? knn->n_test : knn->n_dev) = m.n;
    if (m.control == kMajority) (is_test ? knn->test_majority : knn->dev_majority) = m.value;
  }
  if (m.control == kMajority) return;
  KnnResult& knn = m.control == kFullModel ? f.full_knn : f.knn;
  (is_test ? knn.test : knn.dev) = {.mean = m.value, .sd = m.sd, .n = n_draws};
}

/// What stands behind "<figure> <set>" in the name of a metric; none if the name begins otherwise.
std::optional<std::string_view> behind(std::string_view name, std::string_view figure, const std::string& set) {
  const std::string front = fmt::format("{} {}", figure, set);
  return name.starts_with(front) ? std::optional(name.substr(front.size())) : std::nullopt;
}

/// Reads a metric of one evaluation set. These metrics follow the accuracy of the untouched model
/// on the set, and the effects of an ablation follow the ablation's accuracy.
void decode_ablation_metric(OnEvaluationSet& on, const Metric& m) {
  if (behind(m.metric, kUntouchedLogProbability, on.label)) {
    on.untouched_log_probability = m.value;
  } else if (const auto rest = behind(m.metric, kAblatedAccuracy, on.label)) {
    on.ablations.push_back(decode_ablation(m, *rest));
  } else if (behind(m.metric, kHarm, on.label) && !on.ablations.empty()) {
    on.ablations.back().harm = interval_of(m, m.value);
  } else if (behind(m.metric, kSufficiency, on.label) && !on.ablations.empty()) {
    on.ablations.back().gain = interval_of(m, m.value);
  } else if (!on.ablations.empty()) {
    std::optional<EffectSpread>& effect = on.ablations.back().effect;
    if (!effect) effect.emplace();
    if (behind(m.metric, kLogProbability, on.label)) effect->log_probability = decode_figure(m);
    if (behind(m.metric, kDivergence, on.label)) effect->divergence = decode_figure(m);
  }
}

Findings decode_metrics(const std::vector<Metric>& metrics, int64_t n_draws) {
  Findings f;
  const std::string untouched = fmt::format("{} ", kUntouchedAccuracy);
  for (const Metric& m : metrics) {
    if (decode_question(f, m)) continue;
    if (m.metric == "train_loss") {
      f.train_loss = m.value;
      f.n_train = m.n;
    } else if (m.metric == "test_loss") {
      f.test_loss = m.value;
      f.n_test = m.n;
    } else if (m.metric == "circuit_weights") {
      f.n_weights = std::llround(m.value);
      f.max_weights = m.n;
    } else if (const std::optional<Findings::PathStep> step = decode_path_step(m)) {
      f.path.push_back(*step);
    } else if (m.metric == "knn_dev_accuracy" || m.metric == "knn_test_accuracy") {
      decode_knn(f, m, m.metric == "knn_test_accuracy", n_draws);
    } else if (m.metric.starts_with(untouched)) {
      f.evaluation_sets.push_back({.label = m.metric.substr(untouched.size()), .untouched = m.value, .n_rows = m.n});
    } else if (!f.evaluation_sets.empty()) {
      decode_ablation_metric(f.evaluation_sets.back(), m);
    }
  }
  return f;
}

}  // namespace

std::optional<Findings::PathStep> decode_path_step(const Metric& m) {
  if (m.metric != kPathAccuracy || !m.control.starts_with(kAtWeight)) return std::nullopt;
  return Findings::PathStep{.l0_weight = std::stod(m.control.substr(kAtWeight.size())),
                            .n_weights = m.n,
                            .accuracy = m.value,
                            .standard_error = m.sd.value_or(0),
                            .is_chosen = m.note == kChosen};
}

EncodedFindings encode(const ProbedCell& cell, const AblationOptions& asked) {
  return {encode_row(cell, asked), encode_metrics(cell.findings)};
}

ProbedCell decode(const EncodedFindings& encoded) {
  DecodedRow row = decode_row(encoded.row);
  return {.id = std::move(row.id),
          .settings = std::move(row.settings),
          .findings = decode_metrics(encoded.metrics, row.n_knn_draws)};
}

}  // namespace cprobe
