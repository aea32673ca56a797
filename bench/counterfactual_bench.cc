// Counterfactual embeddings at Experiment 1's size: all test rows at once, and one row at a time
// (on a sample of rows).

#include "bench/bound.h"
#include "cprobe/baselines/counterfactual_embedding.h"

namespace cprobe::bench {
namespace {

constexpr int64_t kSample = 20;

/// A step with a linear probe costs the products of states and gradients with the probe's weights,
/// [n, n_classes, d_model].
Bound step_bound(int64_t n, int64_t d, int64_t n_classes) {
  return {.gemms = gemm_seconds(n, n_classes, d) + gemm_seconds(n, d, n_classes),
          .passes = 8 * pass_seconds(n * d) + 4 * pass_seconds(n * n_classes)};
}

void counterfactual_rows(benchmark::State& state) {
  begin_computing();
  const Workload w = one_layer();
  const auto states_of = [&](const Dataset& data) {
    return stream_at(w.model, data.trie, Site::end(w.model.config)).at_nodes(data.trie.nodes_at(-1));
  };
  const at::Tensor labels = w.train.variables.at("x");
  const Probe probe = train_probe(states_of(w.train), labels, {.epochs = 1}, Seed(0));
  const at::Tensor states = states_of(w.test);
  const at::Tensor targets = probe.outputs_of(w.test.variables.at("x").roll(1)).clamp_min(0);
  const CounterfactualEmbeddingOptions options;
  const double alone = seconds_of([&] {
    for (int64_t r = 0; r < kSample; ++r) {
      counterfactual_states(probe, states.narrow(0, r, 1), targets.narrow(0, r, 1), options);
    }
  });
  std::vector<double> times;
  for (auto _ : state) {
    times.push_back(seconds_of([&] { counterfactual_states(probe, states, targets, options); }));
  }
  const int64_t n = states.size(0);
  report(state, median(times) / static_cast<double>(options.steps),
         step_bound(n, states.size(1), static_cast<int64_t>(probe.classes.size())), w.model);
  state.counters["one_at_a_time/together"] = alone / kSample * static_cast<double>(n) / median(times);
}

BENCHMARK(counterfactual_rows)->Iterations(5)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cprobe::bench
