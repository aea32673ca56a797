// Steps of mask training with neuron masks and batches of 500, at Experiment 1's size and in layer
// 6 of GPT-2 small.

#include "bench/bound.h"
#include "cprobe/circuit/fit.h"
#include "cprobe/model/forward.h"

namespace cprobe::bench {
namespace {

/// @param n_masks  trained together. Time and bound are those of one mask.
void fit_step(benchmark::State& state, Workload (*make)(), ComponentRef component, int64_t n_masks) {
  begin_computing();
  const Workload w = make();
  at::NoGradGuard no_gradients;
  const TokenTrie& trie = w.train.trie;
  const Stream before = stream_at(w.model, trie, Site::before(component));
  const ComponentInputs inputs(w.model, component, MaskUnit::kNeuron, trie, before, trie.nodes_at(-1));
  const Bound bound = fit_step_bound(w, component.block);
  const std::unique_ptr<MaskMethod> method = continuous_sparsification();
  at::Generator generator = Seed(0).generator();
  const int64_t n_steps = inputs.n_labelled() / kBatch;
  const std::vector<at::Tensor> labels(static_cast<size_t>(n_masks), w.train.variables.at("x"));
  const auto epoch = [&] {
    fit_together(inputs, labels, *method, {.epochs = 1, .batch_size = kBatch},
                 [&](int64_t n) { return at::randperm(n, generator, at::kLong); });
  };
  std::vector<double> times;
  for (auto _ : state) times.push_back(seconds_of(epoch) / static_cast<double>(n_steps * n_masks));
  report(state, median(times), bound, w.model);
}

BENCHMARK_CAPTURE(fit_step, one_layer_attn, one_layer, ComponentRef{0, Block::kAttention}, 1)
    ->Iterations(20)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(fit_step, one_layer_mlp, one_layer, ComponentRef{0, Block::kMlp}, 1)
    ->Iterations(20)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(fit_step, one_layer_attn_20_masks, one_layer, ComponentRef{0, Block::kAttention}, 20)
    ->Iterations(10)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(fit_step, one_layer_mlp_20_masks, one_layer, ComponentRef{0, Block::kMlp}, 20)
    ->Iterations(10)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(fit_step, gpt2_small_attn, gpt2_small, ComponentRef{6, Block::kAttention}, 1)
    ->Iterations(10)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(fit_step, gpt2_small_mlp, gpt2_small, ComponentRef{6, Block::kMlp}, 1)
    ->Iterations(10)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cprobe::bench
