#include "cprobe/baselines/amnesic.h"

#include <limits>

#include "cprobe/baselines/leace.h"
#include "cprobe/core/error.h"
#include "cprobe/core/extent.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/evaluate/behaviour.h"
#include "cprobe/evaluate/controls.h"
#include "cprobe/evaluate/patching.h"
#include "cprobe/io/document_values.h"

namespace cprobe {
namespace {

/// An evaluation set, on which task accuracy is measured with the probed states erased.
class ErasedSet {
 public:
  ErasedSet(const ProbedSite& probed, const std::string& label, const ProbedSet& set)
      : model_(probed.model),
        label_(label),
        behaviour_(set.data),
        states_(set.states()),
        patching_(probed.model, set.data.trie, set.stream, probed.site, probed.position),
        untouched_(run_untouched(probed.model, set.data, set.stream, probed.site).accuracy) {}

  void erase(const Eraser& eraser) { erased_ = accuracy(eraser); }
  void control(const Eraser& random) { controls_.push_back(accuracy(random)); }

  void add_metrics(const std::string& note, std::vector<Metric>& metrics) const {
    const int64_t n_rows = behaviour_.n_rows();
    metrics.push_back({.metric = "vanilla_accuracy " + label_, .value = untouched_, .n = n_rows});
    add_beside_controls(metrics, {.metric = "erased_accuracy " + label_, .value = erased_, .n = n_rows, .note = note},
                        controls_, Stronger::kLower, "random", "as many random directions");
  }

 private:
  double accuracy(const Eraser& eraser) const {
    stop_if_interrupted();
    return behaviour_.accuracy_by_row(model_, patching_.run_all(eraser.erase(states_)));
  }

  const Model& model_;
  std::string label_;
  Behaviour behaviour_;
  at::Tensor states_;
  Patching patching_;
  double untouched_;
  double erased_ = 0;
  std::vector<double> controls_;
};

Eraser fit(const ProbedSite& probed, const ProbedSet& fitted, bool shrinkage) {
  // The reference fits in float32. Of all that the dtype changes, only this epsilon shows in the
  // figures.
  const double epsilon = probed.paper_protocol ? std::numeric_limits<float>::epsilon() : 0;
  return fit_leace(fitted.states(), fitted.labels, {.shrinkage = shrinkage, .shrinkage_epsilon = epsilon});
}

/// How many of all directions are erased.
Extent extent(const Eraser& eraser) {
  return extent_of(eraser.rank(), eraser.bias.size(0));
}

std::string note_on(const Eraser& eraser, const ProbedSite& probed) {
  std::string note = probed.paper_protocol ? "fitted on the test set" : "";
  if (extent(eraser) == Extent::kPart) return note;
  return note + (note.empty() ? "" : "; ") +
         (extent(eraser) == Extent::kEmpty ? "nothing to erase" : "every direction erased");
}

constexpr double kProbesShare = 0.5;  // Share of the work that the two probes take, roughly.

class AmnesicProbing final : public BaselineMethod {
 public:
  explicit AmnesicProbing(const AmnesicOptions& options) : options_(options) {}

  std::string settings() const override {
    return fmt::format("shrinkage {} random_controls {} probe [{}]", options_.shrinkage, options_.random_controls,
                       to_string(options_.probe));
  }

  std::vector<Metric> run(const ProbedSite& probed, const OnProgress& on_progress) const override {
    const at::NoGradGuard no_gradients;
    const ProbedSet& fitted = probed.paper_protocol ? probed.test : probed.train;
    const Eraser eraser = fit(probed, fitted, options_.shrinkage);
    const std::string note = note_on(eraser, probed);
    std::vector<Metric> metrics = {{.metric = "erased_directions",
                                    .value = static_cast<double>(eraser.rank()),
                                    .n = eraser.bias.size(0),
                                    .note = note}};
    add_probes(probed, fitted, eraser, note, on_progress, metrics);

    std::vector<ErasedSet> evaluation_sets;
    evaluation_sets.reserve(probed.evaluation_sets.size());
    for (const auto& [label, set] : probed.evaluation_sets) evaluation_sets.emplace_back(probed, label, set);
    const int64_t n_controls = extent(eraser) == Extent::kPart ? options_.random_controls : 0;
    at::Generator generator = probed.seed.derive("amnesic/random").generator();
    for (int64_t draw = 0; draw <= n_controls; ++draw) {
      if (draw == 0) {
        for (ErasedSet& set : evaluation_sets) set.erase(eraser);
      } else {
        const Eraser random = random_eraser(eraser.bias, eraser.rank(), generator);
        for (ErasedSet& set : evaluation_sets) set.control(random);
      }
      tell(part_of(on_progress, kProbesShare, 1), {"erasing", draw + 1, n_controls + 1});
    }
    for (const ErasedSet& set : evaluation_sets) set.add_metrics(note, metrics);
    return metrics;
  }

 private:
  /// Adds the accuracy of a probe of the variable, before and after erasing.
  void add_probes(const ProbedSite& probed, const ProbedSet& fitted, const Eraser& eraser, const std::string& note,
                  const OnProgress& on_progress, std::vector<Metric>& metrics) const {
    ProbeOptions options = options_.probe;
    // `train_probe` lowers this to the number of states that are not held out.
    if (probed.paper_protocol) options.batch_size = fitted.labels.size(0);
    const at::Tensor states = fitted.states(), test_states = probed.test.states();
    const auto add = [&](const char* name, double begin, const at::Tensor& train, const at::Tensor& test) {
      const Probe probe = train_probe(train, fitted.labels, options, probed.seed,
                                      part_of(on_progress, kProbesShare * begin, kProbesShare * (begin + 0.5), name));
      metrics.push_back({.metric = name,
                         .value = probe_accuracy(probe, test, probed.test.labels),
                         .n = probed.test.labels.size(0),
                         .note = note});
    };
    add("probe_accuracy_before", 0, states, test_states);
    add("probe_accuracy_after", 0.5, eraser.erase(states), eraser.erase(test_states));
    metrics.push_back({.metric = "probe_accuracy_after",
                       .value = majority_accuracy(fitted.labels, probed.test.labels),
                       .n = probed.test.labels.size(0),
                       .control = "majority"});
  }

  AmnesicOptions options_;
};

}  // namespace

AmnesicOptions read_amnesic_options(const Document* map) {
  AmnesicOptions options;
  if (map == nullptr) return options;
  map->require_known_keys({"shrinkage", "random_controls", "probe"});
  if_given(*map, "shrinkage", [&](const Document& v) { options.shrinkage = v.as_bool(); });
  if_given(*map, "random_controls", [&](const Document& v) { options.random_controls = as_count(v, 0); });
  options.probe = read_probe_options(map->given("probe"), options.probe);
  return options;
}

std::unique_ptr<BaselineMethod> make_amnesic_probing(const AmnesicOptions& options) {
  return std::make_unique<AmnesicProbing>(options);
}

}  // namespace cprobe
