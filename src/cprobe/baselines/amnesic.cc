#include "cprobe/baselines/amnesic.h"

#include <limits>

#include "cprobe/baselines/beside_nulls.h"
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
        set_(set),
        states_(set.states()),
        patching_(probed.model, set.data.trie, set.stream, probed.site, probed.position) {
    require_single_tokens(set.data, "amnesic probing");
    const Behaviour behaviour(set.data);
    untouched_ =
        behaviour.right(model_, run_untouched(probed.model, set.data, set.stream, probed.site).states).to(at::kDouble);
  }

  void erase(const Eraser& eraser) { erased_ = right(eraser); }
  void control(const Eraser& random) { controls_.push_back(mean_of(right(random))); }
  void null(const Eraser& of_null) { nulls_.push_back(mean_of(untouched_) - mean_of(right(of_null))); }
  /// Measures the loss of accuracy if all states are the same, which no erasure is expected to
  /// exceed.
  void erase_all(const at::Tensor& mean) {
    const at::Tensor everywhere = mean.to(states_.scalar_type()).expand_as(states_);
    most_ = mean_of(untouched_) - mean_of(right_with(everywhere));
  }

  void add_metrics(const std::string& note, std::vector<Metric>& metrics) const {
    const int64_t n_rows = untouched_.size(0);
    metrics.push_back({.metric = "vanilla_accuracy " + label_, .value = mean_of(untouched_), .n = n_rows});
    add_beside_controls(metrics,
                        {.metric = "erased_accuracy " + label_, .value = mean_of(erased_), .n = n_rows, .note = note},
                        controls_, Stronger::kLower, "random", "as many random directions");
  }

  /// @param is_part  whether some directions are erased, and some are left. Otherwise the harm is
  ///                 not defined: nothing says what belongs to the variable.
  void add_harm(const NullHypothesis& null, bool is_part, std::vector<Metric>& metrics) const {
    TestedFigure harm = share_beside_nulls(untouched_ - erased_, set_.types, nulls_, null.types, {-1, 1});
    if (!is_part) harm.interval = {};
    add_beside_nulls(metrics, fmt::format("{} {}", kErasureHarm, label_), harm, std::max(most_, harm.value));
  }

 private:
  at::Tensor right(const Eraser& eraser) const { return right_with(eraser.erase(states_)); }
  /// Which rows are answered right with other states, [n_rows] float64.
  at::Tensor right_with(const at::Tensor& states) const {
    stop_if_interrupted();
    const at::Tensor end = patching_.run_all(states);
    return answered_right(model_, end, at::arange(end.size(0)), set_.data.answers, set_.data.contrast).to(at::kDouble);
  }

  const Model& model_;
  std::string label_;
  const ProbedSet& set_;
  at::Tensor states_;
  Patching patching_;
  at::Tensor untouched_;  ///< [n_rows] float64: 1 if the untouched model is right.
  at::Tensor erased_;     ///< [n_rows] float64.
  std::vector<double> controls_;
  std::vector<double> nulls_;  ///< Harm of erasing each null variable.
  double most_ = 0;
};

LeaceOptions leace_options(const ProbedSite& probed, const AmnesicOptions& options) {
  // The reference fits in float32. Of all that the dtype changes, only this epsilon shows in the
  // figures.
  const double epsilon = probed.paper_protocol ? std::numeric_limits<float>::epsilon() : 0;
  return {.shrinkage = options.shrinkage,
          .shrinkage_epsilon = epsilon,
          .whitens_classes = !probed.paper_protocol,
          .tolerance = options.tolerance};
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
    const std::string tolerance =
        options_.tolerance == AmnesicOptions().tolerance ? "" : fmt::format(" tolerance {}", options_.tolerance);
    return fmt::format("shrinkage {} random_controls {} probe [{}]{}", options_.shrinkage, options_.random_controls,
                       to_string(options_.probe), tolerance);
  }

  std::vector<Metric> run(const ProbedSite& probed, const OnProgress& on_progress) const override {
    const at::NoGradGuard no_gradients;
    const ProbedSet& fitted = probed.paper_protocol ? probed.test : probed.train;
    const Leace leace(fitted.states(), leace_options(probed, options_));
    const Eraser eraser = leace.eraser(fitted.labels);
    const std::string note = note_on(eraser, probed);
    std::vector<Metric> metrics = {{.metric = "erased_directions",
                                    .value = static_cast<double>(eraser.rank()),
                                    .n = eraser.bias.size(0),
                                    .note = note}};
    add_probes(probed, fitted, eraser, note, on_progress, metrics);

    std::vector<ErasedSet> evaluation_sets;
    evaluation_sets.reserve(probed.evaluation_sets.size());
    for (const auto& [label, set] : probed.evaluation_sets) evaluation_sets.emplace_back(probed, label, set);
    const bool is_part = extent(eraser) == Extent::kPart;
    const int64_t n_controls = is_part ? options_.random_controls : 0;
    const at::Tensor null_labels =
        has_nulls(probed) ? probed.null->variables.labels(fitted.types) : at::empty({0, 0}, at::kLong);
    const int64_t n_erasures = 1 + n_controls + null_labels.size(0);
    at::Generator generator = probed.seed.derive("amnesic/random").generator();
    for (int64_t draw = 0; draw <= n_controls; ++draw) {
      if (draw == 0) {
        for (ErasedSet& set : evaluation_sets) set.erase(eraser);
      } else {
        const Eraser random = random_eraser(eraser.bias, eraser.rank(), generator);
        for (ErasedSet& set : evaluation_sets) set.control(random);
      }
      tell(part_of(on_progress, kProbesShare, 1), {"erasing", draw + 1, n_erasures});
    }
    for (const ErasedSet& set : evaluation_sets) set.add_metrics(note, metrics);
    if (!has_nulls(probed)) return metrics;
    for (int64_t b = 0; b < null_labels.size(0); ++b) {
      const Eraser of_null = leace.eraser(null_labels[b]);
      for (ErasedSet& set : evaluation_sets) set.null(of_null);
      tell(part_of(on_progress, kProbesShare, 1), {"erasing null variables", n_controls + 2 + b, n_erasures});
    }
    add_null_variables(metrics, *probed.null, null_labels.size(0));
    for (ErasedSet& set : evaluation_sets) {
      set.erase_all(eraser.bias);
      set.add_harm(*probed.null, is_part, metrics);
    }
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
  map->require_known_keys({"shrinkage", "tolerance", "random_controls", "probe"});
  if_given(*map, "shrinkage", [&](const Document& v) { options.shrinkage = v.as_bool(); });
  if_given(*map, "tolerance", [&](const Document& v) {
    options.tolerance = as_at_least(v, 0);
    if (options.tolerance >= 1) throw v.error("expected a correlation below 1");
  });
  if_given(*map, "random_controls", [&](const Document& v) { options.random_controls = as_count(v, 0); });
  options.probe = read_probe_options(map->given("probe"), options.probe);
  return options;
}

std::unique_ptr<BaselineMethod> make_amnesic_probing(const AmnesicOptions& options) {
  return std::make_unique<AmnesicProbing>(options);
}

}  // namespace cprobe
