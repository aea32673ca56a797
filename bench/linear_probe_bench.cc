// Steps of training linear and MLP probes at Experiment 1's size.

#include "bench/bound.h"
#include "cprobe/baselines/probe.h"
#include "cprobe/model/forward.h"

namespace cprobe::bench {
namespace {

/// The least cost of one step on n states of width d:
///
///     layers    each once forward and backward by weight, an MLP's second layer also by input
///     AdamW     parameter, gradient and both moments
///     passes    the states gathered once, the hidden layer 4 times, the scores 4 times
Bound probe_step_bound(int64_t n, int64_t d, int64_t hidden, int64_t n_classes) {
  const int64_t last = hidden > 0 ? hidden : d;
  Bound bound{.gemms = gemm_seconds(n, n_classes, last) + gemm_seconds(last, n_classes, n),
              .passes = pass_seconds(n * d) + 4 * pass_seconds(n * n_classes) + 3 * pass_seconds(last * n_classes)};
  if (hidden > 0) {
    bound.gemms += gemm_seconds(n, hidden, d) + gemm_seconds(d, hidden, n) + gemm_seconds(n, hidden, n_classes);
    bound.passes += 4 * pass_seconds(n * hidden) + 3 * pass_seconds(d * hidden);
  }
  return bound;
}

void probe_step(benchmark::State& state, int64_t hidden) {
  begin_computing();
  const Workload w = one_layer();
  const TokenTrie& trie = w.train.trie;
  const at::Tensor states = stream_at(w.model, trie, Site::end(w.model.config)).at_nodes(trie.nodes_at(-1));
  const at::Tensor& labels = w.train.variables.at("x");
  const ProbeOptions options{.hidden = hidden, .epochs = 10};
  const int64_t n_classes = std::get<0>(at::_unique(labels)).numel();
  const Bound bound = probe_step_bound(options.batch_size, states.size(1), hidden, n_classes);
  const int64_t n_batches = states.size(0) / options.batch_size;
  const auto n_steps = static_cast<double>(options.epochs * n_batches);
  std::vector<double> times;
  for (auto _ : state) times.push_back(seconds_of([&] { train_probe(states, labels, options, Seed(0)); }) / n_steps);
  report(state, median(times), bound, w.model);
}

BENCHMARK_CAPTURE(probe_step, linear, 0)->Iterations(5)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(probe_step, mlp, 256)->Iterations(5)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cprobe::bench
