#include <algorithm>

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

/// A trained probe: the kept subnetwork, and the classifier's accuracy on each set under the hard
/// mask.
struct Reading {
  Circuit kept;
  double train = 0;
  double test = 0;
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
    const auto probe = [&](const at::Tensor& train_labels, const at::Tensor& test_labels, double begin,
                           const char* what) {
      return read(masked, train, train_labels, test, test_labels, seed,
                  part_of(on_progress, begin, begin + 0.45, what));
    };
    const at::Tensor &train_labels = probed.train.labels, &test_labels = probed.test.labels;
    const auto shuffled = [&](const at::Tensor& labels, const char* stream) {
      return labels.index_select(0, at::randperm(labels.size(0), seed.derive(stream).generator(), at::kLong));
    };
    const Reading task = probe(train_labels, test_labels, 0, "subnetwork");
    const Reading control =
        probe(shuffled(train_labels, "control/train"), shuffled(test_labels, "control/test"), 0.45, "control task");

    const int64_t n_train = train_labels.size(0), n_test = test_labels.size(0), n_weights = task.kept.max_weights();
    const auto kept_share = [](const Reading& r) {
      return static_cast<double>(r.kept.n_weights()) / static_cast<double>(r.kept.max_weights());
    };
    const Extent extent = task.kept.extent();
    const std::string shuffle = "shuffled labels";
    std::vector<Metric> metrics = {
        {.metric = "test_accuracy", .value = task.test, .n = n_test},
        {.metric = "test_accuracy", .value = control.test, .n = n_test, .control = "control task", .note = shuffle},
        {.metric = "test_accuracy",
         .value = majority_accuracy(train_labels, test_labels),
         .n = n_test,
         .control = "majority"},
        {.metric = "train_accuracy", .value = task.train, .n = n_train},
        {.metric = "train_accuracy", .value = control.train, .n = n_train, .control = "control task", .note = shuffle},
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
      tell(on_progress, {"ablations on " + label, 9, 10});
      add_ablations(metrics, masked, task.kept, label, set.data, seed.derive("random units"));
    }
    return metrics;
  }

 private:
  Reading read(const MaskedComponents& masked, const MaskedView& train, const at::Tensor& train_labels,
               const MaskedView& test, const at::Tensor& test_labels, Seed seed, const OnProgress& on_progress) const {
    const auto unique = at::_unique(train_labels, /*sorted=*/true, /*return_inverse=*/true);
    const at::Tensor &classes = std::get<0>(unique), &outputs = std::get<1>(unique);
    const MaskedClassifier found =
        train_subnetwork(masked, train, outputs, classes.size(0), options_, seed, on_progress);
    const std::unique_ptr<MaskMethod> method = make_mask_method(options_.method, options_.mask_option);
    Reading result{.kept = make_circuit(found.mask, *method)};
    const std::vector<at::Tensor> multipliers = keep_multipliers(result.kept);
    const auto accuracy = [&](const MaskedView& view, const at::Tensor& labels) {
      const at::Tensor logits = gemm(view.seen(multipliers), found.linear.weight, found.linear.bias);
      return mean_of(classes.index_select(0, logits.argmax(1)).eq(labels));
    };
    result.train = accuracy(train, train_labels);
    result.test = accuracy(test, test_labels);
    return result;
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
