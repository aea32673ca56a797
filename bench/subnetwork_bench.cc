// Steps of subnetwork probing at Experiment 1's size: a mask over one component and a classifier,
// trained together.

#include "bench/bound.h"
#include "cprobe/baselines/subnetwork.h"

namespace cprobe::bench {
namespace {

/// The least cost of one step on n updates of width d:
///
///     attention     z W_out forward and backward by z; keys and values read twice
///     mlp           h W_out forward and backward by h; four passes over the hidden layer
///     classifier    forward, backward by input and by weight
Bound subnetwork_step_bound(const Workload& w, Block block, int64_t n, int64_t n_classes) {
  const ModelConfig& c = w.model.config;
  const bool attention = block == Block::kAttention;
  const int64_t inner = attention ? c.d_model : c.d_mlp;
  const int64_t touched = attention ? n * w.train.trie.max_length() * 2 * c.d_model : 4 * n * c.d_mlp;
  return {.gemms = gemm_seconds(n, c.d_model, inner) + gemm_seconds(n, inner, c.d_model) +
                   gemm_seconds(n, n_classes, c.d_model) + gemm_seconds(n, c.d_model, n_classes) +
                   gemm_seconds(c.d_model, n_classes, n),
          .passes = pass_seconds(touched) + 4 * pass_seconds(n * n_classes)};
}

void subnetwork_step(benchmark::State& state, Block block) {
  begin_computing();
  const Workload w = one_layer();
  const SubnetworkOptions options{.epochs = 4};
  const MaskedComponents masked = masked_before(w.model, options.scope, Site::after({0, block}), options.unit);
  const MaskedView view(masked, w.train.trie, w.train.trie.nodes_at(-1), seen_in(options.scope));
  const auto unique = at::_unique(w.train.variables.at("x"), /*sorted=*/true, /*return_inverse=*/true);
  const int64_t n_classes = std::get<0>(unique).numel();
  const at::Tensor& outputs = std::get<1>(unique);
  const Bound bound = subnetwork_step_bound(w, block, options.batch_size, n_classes);
  const int64_t n_batches = kTrainingRows / options.batch_size;
  const auto n_steps = static_cast<double>(options.epochs * n_batches);
  std::vector<double> times;
  for (auto _ : state) {
    times.push_back(seconds_of([&] { train_subnetwork(masked, view, outputs, n_classes, options, Seed(0)); }) /
                    n_steps);
  }
  report(state, median(times), bound, w.model);
}

BENCHMARK_CAPTURE(subnetwork_step, one_layer_attn, Block::kAttention)->Iterations(5)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(subnetwork_step, one_layer_mlp, Block::kMlp)->Iterations(5)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cprobe::bench
