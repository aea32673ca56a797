// Steps of mask training with neuron masks and batches of 500, at Experiment 1's size and in layer
// 6 of GPT-2 small.

#include "bench/bound.h"
#include "cprobe/circuit/fit.h"
#include "cprobe/core/threads.h"
#include "cprobe/model/forward.h"

namespace cprobe::bench {
namespace {

void fit_step(benchmark::State& state, Workload (*make)(), ComponentRef component) {
  set_threads(available_threads());
  const Workload w = make();
  at::NoGradGuard no_gradients;
  const TokenTrie& trie = w.train.trie;
  const Stream before = stream_at(w.model, trie, Site::before(component));
  const ComponentInputs inputs(w.model, component, MaskUnit::kNeuron, trie, before, trie.nodes_at(-1));
  const Bound bound = fit_step_bound(w, component.block);
  const std::unique_ptr<MaskMethod> method = continuous_sparsification();
  at::Generator generator = Seed(0).generator();
  const int64_t n_steps = inputs.n_labelled() / kBatch;
  const auto epoch = [&] {
    at::AutoGradMode gradients(true);
    fit(inputs, w.train.variables.at("x"), *method, {.epochs = 1, .batch_size = kBatch},
        [&](int64_t n) { return at::randperm(n, generator, at::kLong); });
  };
  std::vector<double> times;
  for (auto _ : state) times.push_back(seconds_of(epoch) / static_cast<double>(n_steps));
  report(state, median(times), bound, w.model);
}

BENCHMARK_CAPTURE(fit_step, one_layer_attn, one_layer, ComponentRef{0, Block::kAttention})
    ->Iterations(20)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(fit_step, one_layer_mlp, one_layer, ComponentRef{0, Block::kMlp})
    ->Iterations(20)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(fit_step, gpt2_small_attn, gpt2_small, ComponentRef{6, Block::kAttention})
    ->Iterations(10)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(fit_step, gpt2_small_mlp, gpt2_small, ComponentRef{6, Block::kMlp})
    ->Iterations(10)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cprobe::bench
