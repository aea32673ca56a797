// Steps of boundless DAS at Experiment 1's size, batch 128: behind the attention block and behind the MLP.

#include "bench/bound.h"
#include "cprobe/baselines/das.h"
#include "cprobe/core/threads.h"

namespace cprobe::bench {
namespace {

constexpr int64_t kPairs = 2560;  // 20 full batches.

/// One step, of a batch of n rows of width d:
///
///     rotation    an inverse (as one product) and a product forward, two backward, [d, d, d]
///     exchange    the difference rotated and rotated back; backward both rotations' gradients and the coordinates',
///                 [n, d, d]
///     behind      the MLP's two products and the unembedding, forward and backward by input
///     passes      Adam 8 times over a [d, d] matrix, the stream 10 times, the hidden layer and the logits 4 times
Bound das_step_bound(const ModelConfig& c, int64_t n, Block behind) {
  const int64_t d = c.d_model;
  Bound bound{.gemms = 4 * gemm_seconds(d, d, d) + 5 * gemm_seconds(n, d, d),
              .passes = 8 * pass_seconds(d * d) + 10 * pass_seconds(n * d) + 4 * pass_seconds(n * c.vocab)};
  bound.gemms += gemm_seconds(n, c.vocab, d) + gemm_seconds(n, d, c.vocab);
  if (behind == Block::kAttention) {
    bound.gemms += 2 * (gemm_seconds(n, c.d_mlp, d) + gemm_seconds(n, d, c.d_mlp));
    bound.passes += 4 * pass_seconds(n * c.d_mlp);
  }
  return bound;
}

void das_step(benchmark::State& state, Block behind) {
  set_threads(available_threads());
  Workload w = one_layer();
  const at::Tensor answers = at::randint(kModulus, {kTrainingRows}, Seed(1).generator(), at::kLong);
  const at::Tensor sources = at::randperm(kTrainingRows, Seed(2).generator(), at::kLong);
  w.train.counterfactuals = {.sources = select_rows(w.train.trie, sources).trie, .answers = {{"x", answers}}};
  const Site site = Site::after({0, behind});
  const auto set = [&](const Dataset& data) {
    return ProbedSet{data, stream_at(w.model, data.trie, site), data.trie.nodes_at(-1), {}};
  };
  const ProbedSite probed{.model = w.model, .site = site, .variable = "x", .train = set(w.train), .test = set(w.train)};
  const InterchangePairs pairs = interchange_pairs(probed, probed.train).of_rows(at::arange(kPairs));
  const DasOptions options{.epochs = 5};
  const Bound bound = das_step_bound(w.model.config, options.batch_size, behind);
  const int64_t n_batches = kPairs / options.batch_size;
  const auto n_steps = static_cast<double>(options.epochs * n_batches);
  std::vector<double> times;
  for (auto _ : state) {
    times.push_back(seconds_of([&] { train_das(w.model, pairs, nullptr, options, Seed(0)); }) / n_steps);
  }
  report(state, median(times), bound, w.model);
}

BENCHMARK_CAPTURE(das_step, one_layer_mid, Block::kAttention)->Iterations(5)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(das_step, one_layer_post, Block::kMlp)->Iterations(5)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cprobe::bench
