#include "cprobe/baselines/probing.h"

#include "cprobe/baselines/beside_nulls.h"
#include "cprobe/core/hash.h"

namespace cprobe {
namespace {

/// One probe and its accuracies.
struct Fitted {
  double train = 0;
  double test = 0;
  Probe probe;
};

class Probing : public BaselineMethod {
 public:
  explicit Probing(const ProbeOptions& options) : options_(options) {}

  std::string settings() const override { return to_string(options_); }

  std::vector<Metric> run(const ProbedSite& probed, const OnProgress& on_progress) const override {
    const ProbedSet &train = probed.train, &test = probed.test;
    const at::Tensor train_states = train.states(), test_states = test.states();
    const double part = has_nulls(probed) ? 0.1 : 0.5;  // Of the time, roughly.
    const auto fit = [&](const at::Tensor& train_labels, const at::Tensor& test_labels, double begin,
                         const char* what) {
      Fitted fitted{.probe = train_probe(train_states, train_labels, options_, probed.seed,
                                         part_of(on_progress, begin, begin + part, what))};
      fitted.train = probe_accuracy(fitted.probe, train_states, train_labels);
      fitted.test = probe_accuracy(fitted.probe, test_states, test_labels);
      return fitted;
    };
    const bool by_type = std::get<0>(at::_unique(train.data.trie.token.index_select(0, train.nodes))).size(0) > 1;
    const Seed control_seed = probed.seed.derive("probe/control task");
    const Fitted task = fit(train.labels, test.labels, 0, "probe");
    const Fitted control = fit(control_labels(train, train.labels, by_type, control_seed),
                               control_labels(test, train.labels, by_type, control_seed), part, "control task");

    const std::string note = by_type ? "random label per token type" : "random label per input";
    const int64_t n_train = train.labels.size(0), n_test = test.labels.size(0);
    std::vector<Metric> metrics = {
        {.metric = "test_accuracy", .value = task.test, .n = n_test},
        {.metric = "test_accuracy", .value = control.test, .n = n_test, .control = "control task", .note = note},
        {.metric = "test_accuracy",
         .value = majority_accuracy(train.labels, test.labels),
         .n = n_test,
         .control = "majority"},
        {.metric = "train_accuracy", .value = task.train, .n = n_train},
        {.metric = "train_accuracy", .value = control.train, .n = n_train, .control = "control task", .note = note},
        {.metric = "selectivity",
         .value = by_type ? task.test - control.test : task.train - control.train,
         .n = by_type ? n_test : n_train,
         .note = note + (by_type ? ", on test tokens" : ", on training tokens")}};
    if (options_.dev_fraction > 0) {
      metrics.push_back({.metric = "dev_accuracy", .value = task.probe.dev_accuracy, .n = task.probe.n_dev});
    }
    if (has_nulls(probed)) {
      add_accuracy_over_types(probed, train_states, task.probe, part_of(on_progress, 2 * part, 1, "null variables"),
                              metrics);
    }
    return metrics;
  }

 private:
  /// Appends the probe's accuracy over types on each data set, beside probes of null variables.
  void add_accuracy_over_types(const ProbedSite& probed, const at::Tensor& train_states, const Probe& of_all_types,
                               const OnProgress& on_progress, std::vector<Metric>& metrics) const {
    const NullHypothesis& null = *probed.null;
    const at::Tensor rows = rows_to_fit(probed);
    const at::Tensor states = train_states.index_select(0, rows);
    const Probe probe = are_types_held_out(probed)
                            ? train_probe(states, probed.train.labels.index_select(0, rows), options_, probed.seed)
                            : of_all_types;
    const at::Tensor labels = null.variables.labels(probed.train.types.index_select(0, rows));
    const std::vector<Probe> of_nulls = train_probes(states, labels, options_, probed.seed, on_progress);
    add_null_variables(metrics, null, null.variables.n());
    for (const auto& [label, set] : labelled_sets(probed)) {
      const at::Tensor states_here = set->states();
      std::vector<at::Tensor> predicted;
      for (const Probe& of_null : of_nulls) predicted.push_back(of_null.predict(states_here));
      add_beside_nulls(metrics, fmt::format("{} {}", kTypeAccuracy, label),
                       accuracy_over_types(probed, *set, probe.predict(states_here), predicted), 1);
    }
  }

  ProbeOptions options_;
};

}  // namespace

std::unique_ptr<BaselineMethod> make_probing(const ProbeOptions& options) {
  return std::make_unique<Probing>(options);
}

at::Tensor control_labels(const ProbedSet& set, const at::Tensor& train_labels, bool by_type, Seed seed) {
  const TokenTrie& trie = set.data.trie;
  const int64_t* token = trie.token.data_ptr<int64_t>();
  const int64_t* position = trie.position.data_ptr<int64_t>();
  const int64_t n_rows = set.nodes.size(0);
  at::Tensor labels = at::empty({n_rows}, at::kLong);
  for (int64_t r = 0; r < n_rows; ++r) {
    const int64_t node = set.nodes.data_ptr<int64_t>()[r];
    std::string key;
    if (by_type) {
      key = std::to_string(token[node]);
    } else {
      const std::span<const int64_t> row = trie.row(r);
      for (int64_t p = 0; p <= position[node]; ++p) key += fmt::format("{} ", token[row[static_cast<size_t>(p)]]);
    }
    const uint64_t pick = hash(fmt::format("{} {}", seed.value(), key)) % static_cast<uint64_t>(train_labels.size(0));
    labels.data_ptr<int64_t>()[r] = train_labels[static_cast<int64_t>(pick)].item<int64_t>();
  }
  return labels;
}

}  // namespace cprobe
