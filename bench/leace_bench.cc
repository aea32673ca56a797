// Concept erasure at Experiment 1's size and at GPT-2 small's, beside the bare float64 product for
// the covariance.

#include "bench/bound.h"
#include "cprobe/baselines/leace.h"

namespace cprobe::bench {
namespace {

void leace(benchmark::State& state, int64_t n, int64_t d, int64_t n_classes) {
  begin_computing();
  const at::Tensor states = at::randn({n, d}, Seed(0).generator()), wide = states.to(at::kDouble);
  const at::Tensor labels = at::randint(n_classes, {n}, Seed(1).generator(), at::kLong);
  Eraser eraser;
  std::vector<double> fits, erasures;
  for (auto _ : state) {
    fits.push_back(seconds_of([&] { eraser = fit_leace(states, labels); }));
    erasures.push_back(seconds_of([&] { eraser.erase(states); }));
  }
  state.counters["fit_ms"] = median(fits) * 1e3;
  state.counters["erase_ms"] = median(erasures) * 1e3;
  state.counters["covariance_ms"] = median_seconds([&] { at::mm(wide.t(), wide); }) * 1e3;
  state.counters["rank"] = static_cast<double>(eraser.rank());
}

BENCHMARK_CAPTURE(leace, one_layer, kTrainingRows, 128, 57)->Iterations(10)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(leace, gpt2_small, 2000, 768, 2)->Iterations(5)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cprobe::bench
