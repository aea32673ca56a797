// Steps of boundless DAS with batches of 128: at Experiment 1's size, and in the last layer at
// GPT-2 small's size, behind the attention block and behind the MLP.

#include "bench/bound.h"
#include "cprobe/baselines/das.h"

namespace cprobe::bench {
namespace {

/// The least cost of one step on a batch of n rows of width d:
///
///     rotation    an inverse (as one product) and a product forward, two backward, [d, d, d]
///     exchange    the difference, rotated and rotated back; backward, the gradients of both
///                 rotations and of the coordinates, [n, d, d]
///     behind      the MLP's two products and the unembedding, forward and backward by input
///     passes      Adam 8 times over a [d, d] matrix, the stream 10 times, the hidden layer and the
///                 logits 4 times
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

/// @param n_pairs  a multiple of the batch size, so that all batches are full.
void das_step(benchmark::State& state, Workload (*workload)(), int64_t n_pairs, Block behind) {
  begin_computing();
  Workload w = workload();
  const int64_t n_rows = w.train.trie.n_rows();
  const at::Tensor answers = at::randint(w.model.config.vocab, {n_rows}, Seed(1).generator(), at::kLong);
  const at::Tensor sources = at::randperm(n_rows, Seed(2).generator(), at::kLong);
  w.train.counterfactuals = {.sources = select_rows(w.train.trie, sources).trie, .answers = {{"x", answers}}};
  const Site site = Site::after({w.model.config.n_layers - 1, behind});
  const auto set = [&](const Dataset& data) {
    return ProbedSet{data, stream_at(w.model, data.trie, site), data.trie.nodes_at(-1), {}};
  };
  const ProbedSite probed{.model = w.model, .site = site, .variable = "x", .train = set(w.train), .test = set(w.train)};
  const InterchangePairs pairs = interchange_pairs(probed, probed.train).of_rows(at::arange(n_pairs));
  DasOptions options;
  const Bound bound = das_step_bound(w.model.config, options.batch_size, behind);
  const auto train_for = [&](int64_t epochs) {
    options.epochs = epochs;
    return seconds_of([&] { train_das(w.model, pairs, nullptr, options, Seed(0)); });
  };
  constexpr int64_t kFew = 1, kMany = 6;
  const int64_t n_batches = n_pairs / options.batch_size;
  std::vector<double> times;
  // The difference of a long and a short run leaves out the work that is done once: dividing the
  // pairs into batches.
  for (auto _ : state) {
    const double few = train_for(kFew);
    times.push_back((train_for(kMany) - few) / static_cast<double>((kMany - kFew) * n_batches));
  }
  report(state, median(times), bound, w.model);
}

BENCHMARK_CAPTURE(das_step, one_layer_mid, one_layer, 2560, Block::kAttention)
    ->Iterations(5)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(das_step, one_layer_post, one_layer, 2560, Block::kMlp)->Iterations(5)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(das_step, gpt2_small_mid, gpt2_small, 256, Block::kAttention)
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(das_step, gpt2_small_post, gpt2_small, 256, Block::kMlp)
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cprobe::bench
