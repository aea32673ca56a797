// A whole probe at Experiment 1's size: 30 epochs at each of three L0 weights, decoding with 20
// draws of exemplars, and ablation of the circuit, its complement and random controls. The bound is
// that of its 1,350 steps: nothing else should count.

#include "bench/bound.h"
#include "cprobe/probe/probe_cell.h"

namespace cprobe::bench {
namespace {

void probe(benchmark::State& state, Block block) {
  begin_computing();
  const Workload w = one_layer();
  const Bound bound = fit_step_bound(w, block);
  const RunData data{.model = w.model,
                     .train = w.train,
                     .test = w.test,
                     .evaluation_sets = {{"Test", w.test}},
                     .fingerprints = {"random"}};
  const Spec spec;
  const Cell cell{.variable = "x", .component = {0, block}, .batch_size = kBatch};
  std::vector<double> times;
  for (auto _ : state)
    times.push_back(seconds_of([&] {
      Streams streams(data.model);
      probe_cell(spec, cell, "benchmark", data, streams);
    }));
  const int64_t n_steps = n_epochs(spec.probe.fit) * (kTrainingRows / kBatch);
  const auto steps = static_cast<double>(n_steps);
  report(state, median(times), {bound.gemms * steps, bound.passes * steps}, w.model);
}

BENCHMARK_CAPTURE(probe, one_layer_attn, Block::kAttention)->Iterations(3)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(probe, one_layer_mlp, Block::kMlp)->Iterations(3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cprobe::bench
