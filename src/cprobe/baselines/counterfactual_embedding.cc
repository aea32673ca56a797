#include "cprobe/baselines/counterfactual_embedding.h"

#include <torch/optim/adamw.h>

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
    const Probe probe = train_probe(probed.train.states(), probed.train.labels, options_.probe, probed.seed,
                                    part_of(on_progress, 0, 0.8));
    const at::Tensor* counterfactual = data.counterfactual_answers(probed.variable);
    const at::Tensor rows = counterfactual != nullptr ? counterfactual->ne(data.answers).nonzero().squeeze(1)
                                                      : at::arange(data.trie.n_rows());
    const at::Tensor wanted = source_values.index_select(0, rows);
    // A value that the probe never saw has no output. Such rows are moved to the first output, and
    // do not count as flipped.
    const at::Tensor outputs = probe.outputs_of(wanted);
    const at::Tensor moved = counterfactual_states(probe, probed.test.states().index_select(0, rows),
                                                   outputs.clamp_min(0), options_, part_of(on_progress, 0.8, 1));
    const int64_t n = rows.size(0);
    std::vector<Metric> metrics = {
        {.metric = "probe_accuracy",
         .value = probe_accuracy(probe, probed.test.states(), probed.test.labels),
         .n = data.trie.n_rows()},
        {.metric = "probe_flipped", .value = mean_of(probe.predict(moved).eq(wanted)), .n = n}};
    if (counterfactual != nullptr) {
      add_behaviour(metrics, probed, rows, moved, counterfactual->index_select(0, rows));
    } else {
      metrics.back().note = "the data have no counterfactual answers for this variable, so the model's are not judged";
    }
    return metrics;
  }

 private:
  /// Adds how the model answers with the moved states in place.
  /// @param rows            [n] int64 rows of the test set whose states were moved.
  /// @param moved           [n, d_model] states.
  /// @param counterfactual  [n] int64 answers.
  static void add_behaviour(std::vector<Metric>& metrics, const ProbedSite& probed, const at::Tensor& rows,
                            const at::Tensor& moved, const at::Tensor& counterfactual) {
    const at::NoGradGuard no_gradients;
    const at::Tensor original = probed.test.data.answers.index_select(0, rows);
    const Patching patching(probed.model, probed.test.data.trie, probed.test.stream, probed.site, probed.position);
    const at::Tensor all = probed.test.states();
    const auto with_states = [&](const at::Tensor& states) {
      return rows_at(patching.run_all(all.index_copy(0, rows, states)), rows);
    };
    const at::Tensor patched = with_states(moved), untouched = with_states(all.index_select(0, rows));
    std::optional<Contrast> contrast = probed.test.data.contrast;
    if (contrast) contrast = contrast->of_rows(rows);
    const int64_t n = rows.size(0);
    const auto share_of = [&](const at::Tensor& end, const at::Tensor& answers) {
      return mean_of(answered_right(probed.model, end, at::arange(n), answers, contrast));
    };
    const auto difference = [&](const at::Tensor& end) {
      const DistinctNodes tokens = distinct(at::cat({counterfactual, original}));
      const at::Tensor of_tokens = logits(probed.model, end, tokens.nodes).cpu();
      const at::Tensor of_answers = of_tokens.gather(1, tokens.place.view({2, n}).t());
      return (of_answers.select(1, 0) - of_answers.select(1, 1)).to(at::kDouble);
    };
    metrics.push_back({.metric = "counterfactual_answer", .value = share_of(patched, counterfactual), .n = n});
    metrics.push_back({.metric = "counterfactual_answer",
                       .value = share_of(untouched, counterfactual),
                       .n = n,
                       .control = "untouched"});
    metrics.push_back({.metric = "original_answer", .value = share_of(patched, original), .n = n});
    metrics.push_back(
        {.metric = "logit_difference_ratio",
         .value = mean_of(difference(patched) / difference(untouched)),
         .n = n,
         .note = "logit of the counterfactual answer minus that of the original one, over the untouched model's"});
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
