#include "cprobe/baselines/probe.h"

#include <torch/optim/adamw.h>

#include <algorithm>
#include <cmath>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/evaluate/nearest_neighbours.h"
#include "cprobe/io/document_values.h"
#include "cprobe/model/gemm.h"

namespace cprobe {
namespace {

std::vector<Linear> copy_of(const std::vector<Linear>& layers) {
  std::vector<Linear> copy;
  copy.reserve(layers.size());
  for (const Linear& layer : layers) copy.push_back({layer.weight.detach().clone(), layer.bias.detach().clone()});
  return copy;
}

/// Remembers the best epoch so far by accuracy on the states held out.
class DevChoice {
 public:
  DevChoice(at::Tensor states, at::Tensor labels, int64_t patience)
      : states_(std::move(states)), labels_(std::move(labels)), patience_(patience) {}

  /// Called after each epoch. @return whether training should go on.
  bool look(const Probe& probe) {
    const double accuracy = probe_accuracy(probe, states_, labels_);
    if (accuracy > best_) {
      best_ = accuracy;
      layers_ = copy_of(probe.layers);
      n_worse_ = 0;
    } else {
      ++n_worse_;
    }
    return n_worse_ < patience_;
  }

  void put_into(Probe& probe) const {
    probe.layers = layers_;
    probe.dev_accuracy = best_;
    probe.n_dev = labels_.size(0);
  }

 private:
  at::Tensor states_;
  at::Tensor labels_;
  int64_t patience_;
  double best_ = -1;
  int64_t n_worse_ = 0;
  std::vector<Linear> layers_;
};

}  // namespace

ProbeOptions read_probe_options(const Document* map, ProbeOptions options) {
  if (map == nullptr) return options;
  map->require_known_keys(
      {"hidden", "n_outputs", "epochs", "batch_size", "learning_rate", "weight_decay", "dev_fraction", "patience"});
  if_given(*map, "hidden", [&](const Document& v) {
    options.hidden = as_count(v, 1);
    if (options.hidden > 1'000'000) throw v.error("expected at most 1000000 hidden units");
  });
  if_given(*map, "n_outputs", [&](const Document& v) { options.n_outputs = as_count(v, 1); });
  if_given(*map, "epochs", [&](const Document& v) { options.epochs = as_count(v, 1); });
  if_given(*map, "batch_size", [&](const Document& v) { options.batch_size = as_count(v, 1); });
  if_given(*map, "learning_rate", [&](const Document& v) { options.learning_rate = as_positive(v); });
  if_given(*map, "weight_decay", [&](const Document& v) { options.weight_decay = as_at_least(v, 0); });
  if_given(*map, "dev_fraction", [&](const Document& v) {
    options.dev_fraction = as_at_least(v, 0);
    if (options.dev_fraction >= 1) throw v.error("expected a share below 1");
  });
  if_given(*map, "patience", [&](const Document& v) { options.patience = as_count(v, 1); });
  return options;
}

std::string to_string(const ProbeOptions& o) {
  return fmt::format("hidden {} outputs {} epochs {} batch {} lr {} decay {} dev {} patience {}", o.hidden, o.n_outputs,
                     o.epochs, o.batch_size, o.learning_rate, o.weight_decay, o.dev_fraction, o.patience);
}

at::Tensor Probe::logits(const at::Tensor& states) const {
  at::Tensor x = states;
  for (size_t i = 0; i < layers.size(); ++i) x = gemm(i == 0 ? x : at::relu(x), layers[i].weight, layers[i].bias);
  return x;
}

at::Tensor Probe::predict(const at::Tensor& states) const {
  const at::NoGradGuard no_gradients;
  std::vector<int64_t> labels = classes;
  labels.resize(static_cast<size_t>(layers.back().bias.size(0)), kNoLabel);
  return at::tensor(labels, at::kLong).index_select(0, logits(states).argmax(1));
}

at::Tensor Probe::outputs_of(const at::Tensor& labels) const {
  const at::Tensor values = at::tensor(classes, at::kLong);
  const at::Tensor place = at::searchsorted(values, labels).clamp_max(values.size(0) - 1);
  return place.masked_fill(values.index_select(0, place).ne(labels), -1);
}

Linear fresh_linear(int64_t n_in, int64_t n_out, at::Generator& generator) {
  const double bound = 1 / std::sqrt(static_cast<double>(n_in));
  Linear layer{at::empty({n_in, n_out}), at::empty({n_out})};
  for (at::Tensor* part : {&layer.weight, &layer.bias}) part->uniform_(-bound, bound, generator).requires_grad_();
  return layer;
}

Probe untrained_probe(int64_t width, const at::Tensor& labels, const ProbeOptions& options, Seed seed) {
  Probe probe;
  const at::Tensor distinct_labels = std::get<0>(at::_unique(labels, true));
  probe.classes.assign(distinct_labels.data_ptr<int64_t>(),
                       distinct_labels.data_ptr<int64_t>() + distinct_labels.numel());
  at::Generator weights = seed.derive("probe/weights").generator();
  const auto n_classes = static_cast<int64_t>(probe.classes.size());
  if (options.n_outputs > 0 && options.n_outputs < n_classes) {
    throw input_error("probe: n_outputs is {}, but the training data have {} classes", options.n_outputs, n_classes);
  }
  const int64_t n_outputs = std::max(options.n_outputs, n_classes);
  if (options.hidden > 0) probe.layers.push_back(fresh_linear(width, options.hidden, weights));
  probe.layers.push_back(fresh_linear(options.hidden > 0 ? options.hidden : width, n_outputs, weights));
  return probe;
}

Probe train_probe(const at::Tensor& states, const at::Tensor& labels, const ProbeOptions& options, Seed seed,
                  const OnProgress& on_progress) {
  const at::AutoGradMode gradients(true);
  const int64_t n = states.size(0);
  at::Generator splitting = seed.derive("probe/dev").generator();
  const at::Tensor shuffled = at::randperm(n, splitting, at::kLong);
  const auto n_dev = static_cast<int64_t>(options.dev_fraction * static_cast<double>(n));
  const at::Tensor kept = n_dev == 0 ? at::arange(n) : shuffled.narrow(0, n_dev, n - n_dev);
  const int64_t n_train = n - n_dev;
  const int64_t batch_size = std::min(options.batch_size, n_train);

  Probe probe = untrained_probe(states.size(1), labels, options, seed);
  std::vector<at::Tensor> parameters;
  for (const Linear& layer : probe.layers) parameters.insert(parameters.end(), {layer.weight, layer.bias});
  torch::optim::AdamW optimiser(parameters,
                                torch::optim::AdamWOptions(options.learning_rate).weight_decay(options.weight_decay));

  const at::Tensor outputs = probe.outputs_of(labels);
  DevChoice choice(states.index_select(0, shuffled.narrow(0, 0, n_dev)),
                   labels.index_select(0, shuffled.narrow(0, 0, n_dev)), options.patience);
  at::Generator batches = seed.derive("probe/batches").generator();
  for (int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    const at::Tensor order = kept.index_select(0, at::randperm(n_train, batches, at::kLong));
    double last_loss = 0;
    for (int64_t begin = 0; begin + batch_size <= n_train; begin += batch_size) {
      stop_if_interrupted();
      const at::Tensor which = order.narrow(0, begin, batch_size);
      const at::Tensor scores = at::log_softmax(probe.logits(states.index_select(0, which)), 1);
      const at::Tensor loss = at::nll_loss(scores, outputs.index_select(0, which));
      loss.backward();
      optimiser.step();
      optimiser.zero_grad();
      last_loss = loss.item<double>();
    }
    if (!std::isfinite(last_loss)) throw failure("probe: the loss became {} in epoch {}", last_loss, epoch + 1);
    tell(on_progress, {"probe", epoch + 1, options.epochs});
    if (n_dev > 0 && !choice.look(probe)) break;
  }
  if (n_dev > 0) {
    choice.put_into(probe);
  } else {
    probe.layers = copy_of(probe.layers);
  }
  return probe;
}

double mean_of(const at::Tensor& x) {
  return x.to(at::kDouble).mean().item<double>();
}

double probe_accuracy(const Probe& probe, const at::Tensor& states, const at::Tensor& labels) {
  return mean_of(probe.predict(states).eq(labels));
}

double majority_accuracy(const at::Tensor& train, const at::Tensor& test) {
  return mean_of(test.eq(most_frequent(train)));
}

}  // namespace cprobe
