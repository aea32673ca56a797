// Steps of training Experiment 1's toy model on all 7,661 rows.

#include <filesystem>

#include "bench/bound.h"

namespace cprobe::bench {
namespace {

void training_step(benchmark::State& state) {
  begin_computing();
  const Workload w = one_layer();
  const Bound bound = training_step_bound(w);
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "cprobe_training_bench";
  const auto train_for = [&](int64_t steps) {
    const TrainOptions options{.steps = steps, .evaluate_every = steps, .overwrite = true};
    return train(w.model.config, w.train, w.test, options, folder, Seed(0)).seconds;
  };
  constexpr int64_t kFew = 3, kMany = 13;
  std::vector<double> times;
  // The difference of a long and a short run leaves out the work that is done once: two evaluations
  // and saving the model.
  for (auto _ : state) {
    const double few = train_for(kFew);
    times.push_back((train_for(kMany) - few) / static_cast<double>(kMany - kFew));
  }
  std::filesystem::remove_all(folder);
  report(state, median(times), bound, w.model);
}

BENCHMARK(training_step)->Iterations(5)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cprobe::bench
