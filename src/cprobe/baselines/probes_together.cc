#include <torch/optim/adamw.h>

#include <algorithm>
#include <cmath>

#include "cprobe/baselines/probe.h"
#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/model/gemm.h"

namespace cprobe {
namespace {

/// Scores of a step of all probes that are trained together, at most: 16 MB.
constexpr int64_t kMostScores = int64_t{1} << 22;

/// Trains linear probes with equally many outputs, side by side in one matrix. A step's losses are
/// added up, and AdamW treats each weight by itself, so that each probe takes its own steps.
/// @param probes  untrained; their weights are replaced.
/// @param labels  [n_probes, n] int64.
void train_side_by_side(std::span<Probe> probes, const at::Tensor& states, const at::Tensor& labels,
                        const ProbeOptions& options, Seed seed, const OnProgress& on_progress) {
  const at::AutoGradMode gradients(true);
  const int64_t n = states.size(0), batch_size = std::min(options.batch_size, n);
  std::vector<at::Tensor> weights, biases, outputs;
  for (size_t i = 0; i < probes.size(); ++i) {
    weights.push_back(probes[i].layers.front().weight.detach());
    biases.push_back(probes[i].layers.front().bias.detach());
    outputs.push_back(probes[i].outputs_of(labels[static_cast<int64_t>(i)]));
  }
  const Linear all{at::cat(weights, 1).requires_grad_(), at::cat(biases).requires_grad_()};
  const at::Tensor targets = at::stack(outputs, 1);  // [n, n_probes]
  const int64_t n_outputs = biases.front().size(0);
  torch::optim::AdamW optimiser({all.weight, all.bias},
                                torch::optim::AdamWOptions(options.learning_rate).weight_decay(options.weight_decay));
  at::Generator batches = seed.derive("probe/batches").generator();
  for (int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    const at::Tensor order = at::randperm(n, batches, at::kLong);
    double last_loss = 0;
    for (int64_t begin = 0; begin + batch_size <= n; begin += batch_size) {
      stop_if_interrupted();
      const at::Tensor which = order.narrow(0, begin, batch_size);
      const at::Tensor logits = gemm(states.index_select(0, which), all.weight, all.bias).view({-1, n_outputs});
      const at::Tensor loss =
          at::nll_loss(at::log_softmax(logits, 1), targets.index_select(0, which).view({-1}), {}, at::Reduction::Sum) /
          batch_size;
      loss.backward();
      optimiser.step();
      optimiser.zero_grad();
      last_loss = loss.item<double>();
    }
    if (!std::isfinite(last_loss)) throw failure("probes: the loss became {} in epoch {}", last_loss, epoch + 1);
    tell(on_progress, {"probes", epoch + 1, options.epochs});
  }
  for (size_t i = 0; i < probes.size(); ++i) {
    const int64_t begin = static_cast<int64_t>(i) * n_outputs;
    probes[i].layers = {{all.weight.detach().narrow(1, begin, n_outputs).clone(),
                         all.bias.detach().narrow(0, begin, n_outputs).clone()}};
  }
}

}  // namespace

std::vector<Probe> train_probes(const at::Tensor& states, const at::Tensor& labels, const ProbeOptions& options,
                                Seed seed, const OnProgress& on_progress) {
  const int64_t n_probes = labels.size(0);
  const auto part = [&](int64_t begin, int64_t end) {
    const auto n = static_cast<double>(std::max<int64_t>(1, n_probes));
    return part_of(on_progress, static_cast<double>(begin) / n, static_cast<double>(end) / n);
  };
  std::vector<Probe> probes;
  if (options.hidden > 0 || options.dev_fraction > 0) {
    for (int64_t i = 0; i < n_probes; ++i) {
      probes.push_back(train_probe(states, labels[i], options, seed, part(i, i + 1)));
    }
    return probes;
  }
  for (int64_t i = 0; i < n_probes; ++i) {
    probes.push_back(untrained_probe(states.size(1), labels[i], options, seed));
  }
  const auto n_outputs = [](const Probe& probe) { return probe.layers.front().bias.size(0); };
  for (int64_t begin = 0; begin < n_probes;) {
    const int64_t width = n_outputs(probes[static_cast<size_t>(begin)]);
    const int64_t most = std::max<int64_t>(1, kMostScores / (width * std::min(options.batch_size, states.size(0))));
    int64_t end = begin + 1;
    while (end < n_probes && end - begin < most && n_outputs(probes[static_cast<size_t>(end)]) == width) ++end;
    train_side_by_side(std::span(probes).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)), states,
                       labels.narrow(0, begin, end - begin), options, seed, part(begin, end));
    begin = end;
  }
  return probes;
}

}  // namespace cprobe
