// Steps of transfer learning at Experiment 1's size: a training step on all rows, then the test
// accuracy.

#include "bench/bound.h"

namespace cprobe::bench {
namespace {

/// Seconds of the linear maps of one layer and the unembedding, once, on n rows.
double forward_gemms(const ModelConfig& c, int64_t n) {
  return gemm_seconds(n, c.d_model, c.d_model) + gemm_seconds(n, c.d_mlp, c.d_model) +
         gemm_seconds(n, c.d_model, c.d_mlp) + gemm_seconds(n, c.vocab, c.d_model);
}

void transfer_step(benchmark::State& state) {
  begin_computing();
  Workload w = one_layer();
  w.train.answers = w.train.variables.at("x");
  w.test.answers = w.test.variables.at("x");
  Bound bound = training_step_bound(w);
  bound.gemms += forward_gemms(w.model.config, w.test.trie.n_rows());
  constexpr int64_t kSteps = 10;
  const TrainOptions options{.steps = kSteps, .evaluate_every = 1};
  std::vector<double> times;
  for (auto _ : state) {
    const double all =
        seconds_of([&] { train_in_memory(w.model, w.train, w.test, options, [](const CurvePoint&) { return true; }); });
    times.push_back(all / kSteps);
  }
  report(state, median(times), bound, w.model);
}

BENCHMARK(transfer_step)->Iterations(3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cprobe::bench
