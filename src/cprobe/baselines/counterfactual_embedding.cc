#include "cprobe/baselines/counterfactual_embedding.h"

#include <torch/optim/adamw.h>

#include "cprobe/baselines/beside_nulls.h"
#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/rows.h"
#include "cprobe/data/counterfactual.h"
#include "cprobe/evaluate/behaviour.h"
#include "cprobe/evaluate/patching.h"
#include "cprobe/io/document_values.h"

namespace cprobe {
namespace {

const at::Tensor& values_of_sources(const Dataset& data, const std::string& variable) {
  const auto found = data.variables.find(std::string(kSourcePrefix) + variable);
  if (found != data.variables.end()) return found->second;
  throw input_error("{}: counterfactual embeddings need a column '{}{}' with the variable's value in each row's source",
                    data.source, kSourcePrefix, variable);
}

class CounterfactualEmbedding : public BaselineMethod {
 public:
  explicit CounterfactualEmbedding(const CounterfactualEmbeddingOptions& options) : options_(options) {}

  std::string settings() const override {
    return fmt::format("probe [{}] steps {} lr {} decay {}", to_string(options_.probe), options_.steps,
                       options_.learning_rate, options_.weight_decay);
  }

  void check(const std::string& variable, const Dataset& data) const override { values_of_sources(data, variable); }

  std::vector<Metric> run(const ProbedSite& probed, const OnProgress& on_progress) const override {
    const Dataset& data = probed.test.data;
    const at::Tensor& source_values = values_of_sources(data, probed.variable);
    const at::Tensor* counterfactual = data.counterfactual_answers(probed.variable);
    const bool is_judged = counterfactual != nullptr;
    const double own_part = has_nulls(probed) && is_judged ? 0.1 : 1;  // Of the time, roughly.
    const Probe probe = train_probe(probed.train.states(), probed.train.labels, options_.probe, probed.seed,
                                    part_of(on_progress, 0, 0.8 * own_part));
    const at::Tensor rows =
        is_judged ? counterfactual->ne(data.answers).nonzero().squeeze(1) : at::arange(data.trie.n_rows());
    const at::Tensor wanted = source_values.index_select(0, rows);
    const at::Tensor states = probed.test.states().index_select(0, rows);
    const at::Tensor moved = moved_to(probe, states, wanted, part_of(on_progress, 0.8 * own_part, own_part));
    const int64_t n = rows.size(0);
    std::vector<Metric> metrics = {
        {.metric = "probe_accuracy",
         .value = probe_accuracy(probe, probed.test.states(), probed.test.labels),
         .n = data.trie.n_rows()},
        {.metric = "probe_flipped", .value = mean_of(probe.predict(moved).eq(wanted)), .n = n}};
    if (!is_judged) {
      metrics.back().note = "the data have no counterfactual answers for this variable, so the model's are not judged";
      return metrics;
    }
    const Answers answers(probed, rows, counterfactual->index_select(0, rows));
    answers.add_behaviour(metrics, moved);
    if (probed.paper_protocol || n == 0) return metrics;
    at::Generator generator = probed.seed.derive("counterfactual embedding/random value").generator();
    if (const std::optional<at::Tensor> random = other_values(probe, wanted, generator)) {
      add_control(metrics, {.metric = "counterfactual_answer",
                            .value = mean_of(answers.follow(moved_to(probe, states, *random, {}))),
                            .n = n,
                            .control = "random value"});
    }
    answers.add_ratio_of_means(metrics, moved);
    if (has_nulls(probed)) {
      add_null_variables_of(metrics, probed, answers, answers.follow(moved), states, wanted,
                            part_of(on_progress, own_part, 1, "null variables"));
    }
    return metrics;
  }

 private:
  /// How the model answers some rows of the test set with other states in place.
  class Answers {
   public:
    /// @param rows            [n] int64 rows of the test set whose states are moved.
    /// @param counterfactual  [n] int64 answers.
    Answers(const ProbedSite& probed, const at::Tensor& rows, at::Tensor counterfactual)
        : model_(probed.model),
          rows_(rows),
          counterfactual_(std::move(counterfactual)),
          original_(probed.test.data.answers.index_select(0, rows)),
          all_(probed.test.states()),
          patching_(probed.model, probed.test.data.trie, probed.test.stream, probed.site, probed.position) {
      if (probed.test.data.contrast) contrast_ = probed.test.data.contrast->of_rows(rows);
    }

    const at::Tensor& rows() const { return rows_; }

    /// Which rows are answered by the counterfactual answer, [n] float64.
    /// @param moved  [n, d_model] states.
    at::Tensor follow(const at::Tensor& moved) const {
      const at::NoGradGuard no_gradients;
      return answer_with(with_states(moved), counterfactual_).to(at::kDouble);
    }

    void add_behaviour(std::vector<Metric>& metrics, const at::Tensor& moved) const {
      const at::NoGradGuard no_gradients;
      const at::Tensor patched = with_states(moved), untouched = with_states(all_.index_select(0, rows_));
      const auto share_of = [&](const at::Tensor& end, const at::Tensor& answers) {
        return mean_of(answer_with(end, answers));
      };
      const int64_t n = rows_.size(0);
      metrics.push_back({.metric = "counterfactual_answer", .value = share_of(patched, counterfactual_), .n = n});
      metrics.push_back({.metric = "counterfactual_answer",
                         .value = share_of(untouched, counterfactual_),
                         .n = n,
                         .control = "untouched"});
      metrics.push_back({.metric = "original_answer", .value = share_of(patched, original_), .n = n});
      metrics.push_back(
          {.metric = "logit_difference_ratio",
           .value = mean_of(difference(patched) / difference(untouched)),
           .n = n,
           .note = "logit of the counterfactual answer minus that of the original one, over the untouched model's"});
    }

    /// Appends the mean difference of logits over that of the untouched model. Left out if the
    /// latter is 0.
    void add_ratio_of_means(std::vector<Metric>& metrics, const at::Tensor& moved) const {
      const at::NoGradGuard no_gradients;
      const double untouched = mean_of(difference(with_states(all_.index_select(0, rows_))));
      if (untouched == 0) return;
      metrics.push_back({.metric = "logit_difference_ratio_of_means",
                         .value = mean_of(difference(with_states(moved))) / untouched,
                         .n = rows_.size(0)});
    }

   private:
    at::Tensor with_states(const at::Tensor& states) const {
      return rows_at(patching_.run_all(all_.index_copy(0, rows_, states)), rows_);
    }
    at::Tensor answer_with(const at::Tensor& end, const at::Tensor& answers) const {
      return answered_right(model_, end, at::arange(rows_.size(0)), answers, contrast_);
    }
    /// Logit of the counterfactual answer minus that of the original one, [n] float64.
    at::Tensor difference(const at::Tensor& end) const {
      const DistinctNodes tokens = distinct(at::cat({counterfactual_, original_}));
      const at::Tensor of_tokens = logits(model_, end, tokens.nodes).cpu();
      const at::Tensor of_answers = of_tokens.gather(1, tokens.place.view({2, rows_.size(0)}).t());
      return (of_answers.select(1, 0) - of_answers.select(1, 1)).to(at::kDouble);
    }

    const Model& model_;
    at::Tensor rows_, counterfactual_, original_, all_;
    Patching patching_;
    std::optional<Contrast> contrast_;
  };

  /// Moves states until a probe says the wanted values. A value that the probe never saw has no
  /// output. Such rows are moved to the first output, and do not count as flipped.
  at::Tensor moved_to(const Probe& probe, const at::Tensor& states, const at::Tensor& wanted,
                      const OnProgress& on_progress) const {
    return counterfactual_states(probe, states, probe.outputs_of(wanted).clamp_min(0), options_, on_progress);
  }

  /// A value other than the wanted one for each row, drawn uniformly among those that the probe
  /// knows. None if the probe knows a single value.
  static std::optional<at::Tensor> other_values(const Probe& probe, const at::Tensor& wanted,
                                                at::Generator& generator) {
    const auto n_values = static_cast<int64_t>(probe.classes.size());
    if (n_values < 2) return std::nullopt;
    const at::Tensor step = at::randint(1, n_values, wanted.sizes(), generator, at::kLong);
    const at::Tensor other = (probe.outputs_of(wanted) + step).remainder(n_values);
    return at::tensor(probe.classes, at::kLong).index_select(0, other);
  }

  /// Appends the share of rows that follow the moved state, beside that of null variables: a probe
  /// of each moves the same states to the same values.
  /// @param own     [n] float64: which rows follow states moved by the variable's own probe.
  void add_null_variables_of(std::vector<Metric>& metrics, const ProbedSite& probed, const Answers& answers,
                             const at::Tensor& own, const at::Tensor& states, const at::Tensor& wanted,
                             const OnProgress& on_progress) const {
    const NullHypothesis& null = *probed.null;
    const std::vector<Probe> probes = train_probes(probed.train.states(), null.variables.labels(probed.train.types),
                                                   options_.probe, probed.seed, part_of(on_progress, 0, 0.8));
    std::vector<double> nulls;
    for (const Probe& probe : probes) {
      nulls.push_back(mean_of(answers.follow(moved_to(probe, states, wanted, {}))));
      tell(part_of(on_progress, 0.8, 1), {"null variables", std::ssize(nulls), std::ssize(probes)});
    }
    add_null_variables(metrics, null, null.variables.n());
    const at::Tensor types = probed.test.types.index_select(0, answers.rows());
    add_beside_nulls(metrics, fmt::format("{} {}", kChangedAnswers, label_of_test(probed)),
                     share_beside_nulls(own, types, std::move(nulls), null.types, {0, 1}), 1);
  }

  CounterfactualEmbeddingOptions options_;
};

}  // namespace

at::Tensor counterfactual_states(const Probe& probe, const at::Tensor& states, const at::Tensor& targets,
                                 const CounterfactualEmbeddingOptions& options, const OnProgress& on_progress) {
  const at::AutoGradMode gradients(true);
  at::Tensor moved = states.detach().clone().requires_grad_();
  torch::optim::AdamW optimiser({moved},
                                torch::optim::AdamWOptions(options.learning_rate).weight_decay(options.weight_decay));
  for (int64_t step = 0; step < options.steps; ++step) {
    stop_if_interrupted();
    // With a sum over rows, the gradient of each row is that of the row's own loss.
    at::nll_loss(at::log_softmax(probe.logits(moved), 1), targets, {}, at::Reduction::Sum).backward();
    optimiser.step();
    optimiser.zero_grad();
    tell(on_progress, {"counterfactual states", step + 1, options.steps});
  }
  return moved.detach();
}

std::unique_ptr<BaselineMethod> make_counterfactual_embedding(const CounterfactualEmbeddingOptions& options) {
  return std::make_unique<CounterfactualEmbedding>(options);
}

CounterfactualEmbeddingOptions read_counterfactual_embedding_options(const Document* map,
                                                                     CounterfactualEmbeddingOptions options) {
  if (map == nullptr) return options;
  map->require_known_keys({"probe", "steps", "learning_rate", "weight_decay"});
  options.probe = read_probe_options(map->given("probe"), options.probe);
  if_given(*map, "steps", [&](const Document& v) { options.steps = as_count(v, 1); });
  if_given(*map, "learning_rate", [&](const Document& v) { options.learning_rate = as_positive(v); });
  if_given(*map, "weight_decay", [&](const Document& v) { options.weight_decay = as_at_least(v, 0); });
  return options;
}

}  // namespace cprobe
