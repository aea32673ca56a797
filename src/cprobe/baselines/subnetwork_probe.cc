#include <algorithm>

#include "cprobe/baselines/beside_nulls.h"
#include "cprobe/baselines/probe.h"
#include "cprobe/baselines/subnetwork.h"
#include "cprobe/circuit/circuit.h"
#include "cprobe/circuit/mask_options.h"
#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/evaluate/ablation_bench.h"
#include "cprobe/evaluate/controls.h"
#include "cprobe/io/document_values.h"
#include "cprobe/model/gemm.h"

namespace cprobe {
namespace {

/// A trained probe under the hard mask: the kept subnetwork, and the classifier of what it writes.
struct Reading {
  Circuit kept;
  Linear linear;
  at::Tensor classes;  ///< [n_classes] int64: the label of each output.

  /// The label given to each token of a view, [n_rows] int64.
  at::Tensor predict(const MaskedView& view) const {
    const at::Tensor logits = gemm(view.seen(keep_multipliers(kept)), linear.weight, linear.bias);
    return classes.index_select(0, logits.argmax(1));
  }
};

class SubnetworkProbe : public BaselineMethod {
 public:
  explicit SubnetworkProbe(const SubnetworkOptions& options) : options_(options) {}

  std::string settings() const override {
    const SubnetworkOptions& o = options_;
    return fmt::format(
        "scope {} method {} {} {} unit {} epochs {} batch {} lr {} classifier lr {} l0 {} temperature {} random {}",
        to_string(o.scope), to_string(o.method), mask_option(o.method).key, o.mask_option, to_string(o.unit), o.epochs,
        o.batch_size, o.learning_rate, o.classifier_learning_rate, o.l0_weight, o.max_temperature, o.random_controls);
  }

  std::vector<Metric> run(const ProbedSite& probed, const OnProgress& on_progress) const override {
    const at::NoGradGuard no_gradients;
    const MaskedComponents masked = masked_before(probed.model, options_.scope, probed.site, options_.unit);
    const MaskedView train(masked, probed.train.data.trie, probed.train.nodes, seen_in(options_.scope));
    const MaskedView test(masked, probed.test.data.trie, probed.test.nodes, seen_in(options_.scope));
    const Seed seed = probed.seed.derive("subnetwork probe");
    const double part = has_nulls(probed) ? 0.045 : 0.45;  // Of the time, roughly.
    const auto probe = [&](const at::Tensor& labels, double begin, const char* what) {
      return read(masked, train, labels, seed, part_of(on_progress, begin, begin + part, what));
    };
    const at::Tensor &train_labels = probed.train.labels, &test_labels = probed.test.labels;
    const auto shuffled = [&](const at::Tensor& labels, const char* stream) {
      return labels.index_select(0, at::randperm(labels.size(0), seed.derive(stream).generator(), at::kLong));
    };
    const Reading task = probe(train_labels, 0, "subnetwork");
    const at::Tensor control_train = shuffled(train_labels, "control/train");
    const Reading control = probe(control_train, part, "control task");
    const auto accuracy = [](const Reading& reading, const MaskedView& view, const at::Tensor& labels) {
      return mean_of(reading.predict(view).eq(labels));
    };

    const int64_t n_train = train_labels.size(0), n_test = test_labels.size(0), n_weights = task.kept.max_weights();
    const auto kept_share = [](const Reading& r) {
      return static_cast<double>(r.kept.n_weights()) / static_cast<double>(r.kept.max_weights());
    };
    const Extent extent = task.kept.extent();
    const std::string shuffle = "shuffled labels";
    std::vector<Metric> metrics = {
        {.metric = "test_accuracy", .value = accuracy(task, test, test_labels), .n = n_test},
        {.metric = "test_accuracy",
         .value = accuracy(control, test, shuffled(test_labels, "control/test")),
         .n = n_test,
         .control = "control task",
         .note = shuffle},
        {.metric = "test_accuracy",
         .value = majority_accuracy(train_labels, test_labels),
         .n = n_test,
         .control = "majority"},
        {.metric = "train_accuracy", .value = accuracy(task, train, train_labels), .n = n_train},
        {.metric = "train_accuracy",
         .value = accuracy(control, train, control_train),
         .n = n_train,
         .control = "control task",
         .note = shuffle},
        {.metric = "kept_weights_share",
         .value = kept_share(task),
         .n = n_weights,
         .note = extent == Extent::kPart ? "" : std::string(to_string(extent))},
        {.metric = "kept_weights_share",
         .value = kept_share(control),
         .n = n_weights,
         .control = "control task",
         .note = shuffle}};
    for (const auto& [label, set] : probed.evaluation_sets) {
      tell(part_of(on_progress, 0, 2 * part), {"ablations on " + label, 1, 1});
      add_ablations(metrics, masked, task.kept, label, set.data, seed.derive("random units"));
    }
    if (has_nulls(probed)) {
      add_accuracy_over_types(probed, masked, train, test, task, seed,
                              part_of(on_progress, 2 * part, 1, "null variables"), metrics);
    }
    return metrics;
  }

 private:
  Reading read(const MaskedComponents& masked, const MaskedView& view, const at::Tensor& labels, Seed seed,
               const OnProgress& on_progress) const {
    const auto [classes, outputs, unused] = at::_unique2(labels, /*sorted=*/true, /*return_inverse=*/true);
    const MaskedClassifier found =
        train_subnetwork(masked, view, outputs, classes.size(0), options_, seed, on_progress);
    const std::unique_ptr<MaskMethod> method = make_mask_method(options_.method, options_.mask_option);
    return {.kept = make_circuit(found.mask, *method), .linear = found.linear, .classes = classes};
  }

  /// Appends the probe's accuracy over types on each data set, beside probes of null variables.
  /// @param train, test    all tokens of these sets.
  /// @param of_all_types   the probe of the variable, fitted on all training tokens.
  void add_accuracy_over_types(const ProbedSite& probed, const MaskedComponents& masked, const MaskedView& train,
                               const MaskedView& test, const Reading& of_all_types, Seed seed,
                               const OnProgress& on_progress, std::vector<Metric>& metrics) const {
    const NullHypothesis& null = *probed.null;
    const at::Tensor rows = rows_to_fit(probed);
    const auto view_of = [&](const ProbedSet& set, const at::Tensor& of_rows) {
      return MaskedView(masked, set.data.trie, set.nodes.index_select(0, of_rows), seen_in(options_.scope));
    };
    std::optional<MaskedView> other_types;
    if (are_types_held_out(probed)) other_types.emplace(view_of(probed.train, rows));
    const MaskedView& fitted = other_types ? *other_types : train;
    const at::Tensor labels = null.variables.labels(probed.train.types.index_select(0, rows));
    std::vector<Reading> of_nulls;
    for (int64_t b = 0; b < labels.size(0); ++b) {
      const auto begin = static_cast<double>(b), n = static_cast<double>(labels.size(0));
      of_nulls.push_back(read(masked, fitted, labels[b], seed, part_of(on_progress, begin / n, (begin + 1) / n)));
    }
    const Reading own =
        other_types ? read(masked, fitted, probed.train.labels.index_select(0, rows), seed, {}) : of_all_types;
    add_null_variables(metrics, null, labels.size(0));
    for (const auto& [label, set] : labelled_sets(probed)) {
      std::optional<MaskedView> of_set;
      if (set != &probed.test) of_set.emplace(view_of(*set, at::arange(set->nodes.size(0))));
      const MaskedView& here = of_set ? *of_set : test;
      std::vector<at::Tensor> predicted;
      for (const Reading& of_null : of_nulls) predicted.push_back(of_null.predict(here));
      add_beside_nulls(metrics, fmt::format("{} {}", kTypeAccuracy, label),
                       accuracy_over_types(probed, *set, own.predict(here), predicted), 1);
    }
  }

  /// Adds the task accuracy of the untouched model, of the model without the subnetwork, and of the
  /// model without random subnetworks of the same size.
  void add_ablations(std::vector<Metric>& metrics, const MaskedComponents& masked, const Circuit& kept,
                     const std::string& label, const Dataset& data, Seed seed) const {
    const Model& model = masked.model();
    const Behaviour behaviour(data);
    const Stream before = stream_at(model, data.trie, masked.from());
    const auto accuracy_without = [&](const std::vector<at::Tensor>& units) {
      stop_if_interrupted();
      const at::Tensor end = run_in_slabs(
          model, data.trie, before, masked.from(), Site::end(model.config),
          {.read_nodes = behaviour.read_nodes(), .masks = component_masks(model, kept.matrices, removing(units))});
      return behaviour.accuracy(model, end);
    };
    const int64_t n_rows = behaviour.n_rows();
    metrics.push_back({.metric = "vanilla_accuracy " + label,
                       .value = run_untouched(model, data, before, masked.from()).accuracy,
                       .n = n_rows});
    const Extent extent = kept.extent();
    const std::string note = extent == Extent::kEmpty  ? "empty subnetwork: nothing to remove"
                             : extent == Extent::kFull ? "full subnetwork: everything is removed"
                                                       : "";
    const Metric ablated{
        .metric = "ablated_accuracy " + label, .value = accuracy_without(kept.members), .n = n_rows, .note = note};
    const std::vector<double> random = over_random_units(
        kept.members, RandomSets::kUniform, extent == Extent::kPart ? options_.random_controls : 0, seed.generator(),
        [&](const std::vector<at::Tensor>& units, int64_t /*draw*/) { return accuracy_without(units); });
    add_beside_controls(metrics, ablated, random, Stronger::kLower, "random", "drawn from all sets of its size");
  }

  SubnetworkOptions options_;
};

}  // namespace

std::unique_ptr<BaselineMethod> make_subnetwork_probe(const SubnetworkOptions& options) {
  return std::make_unique<SubnetworkProbe>(options);
}

SubnetworkOptions read_subnetwork_options(const Document* map) {
  SubnetworkOptions options;
  if (map == nullptr) return options;
  map->require_known_keys(
      and_mask_options({"scope", "method", "unit", "epochs", "batch_size", "learning_rate", "classifier_learning_rate",
                        "l0_weight", "max_temperature", "random_controls"}));
  if_given(*map, "scope", [&](const Document& v) {
    options.scope = choice(v, {SubnetworkScope::kComponent, SubnetworkScope::kModel});
  });
  if_given(*map, "method", [&](const Document& v) {
    options.method = mask_kind_of(v);
    if (options.method != SubnetworkOptions().method) options.mask_option = mask_option(options.method).otherwise;
  });
  const std::vector<double> values = read_mask_options(*map, options.method, options.method);
  if (values.size() > 1) throw map->at(mask_option(options.method).key).error("expected a single value");
  if (!values.empty()) options.mask_option = values.front();
  if_given(*map, "unit", [&](const Document& v) { options.unit = choice(v, {MaskUnit::kNeuron, MaskUnit::kWeight}); });
  if_given(*map, "epochs", [&](const Document& v) { options.epochs = as_count(v, 1); });
  if_given(*map, "batch_size", [&](const Document& v) { options.batch_size = as_count(v, 1); });
  if_given(*map, "learning_rate", [&](const Document& v) { options.learning_rate = as_positive(v); });
  if_given(*map, "classifier_learning_rate",
           [&](const Document& v) { options.classifier_learning_rate = as_positive(v); });
  if_given(*map, "l0_weight", [&](const Document& v) { options.l0_weight = as_at_least(v, 0); });
  if_given(*map, "max_temperature", [&](const Document& v) { options.max_temperature = as_at_least(v, 1); });
  if_given(*map, "random_controls", [&](const Document& v) { options.random_controls = as_count(v, 0); });
  return options;
}

}  // namespace cprobe
