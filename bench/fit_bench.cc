// Steps of mask training at the paper's size (one layer, d_model 128, 7,661 rows `a b =`) and at GPT-2-small size
// (layer 6, random weights, 2,000 rows of 7 random tokens), batch 500.
//
// Bound of a step: its GEMMs bare, measured in this run, plus one elementwise pass over every array that the step must
// touch:
//   loss        S = V V^T and dV = G V, [n, n, d_model] each; two passes over the n x n kernel (exponential, gradient)
//   attention   z W_out forward and backward, [n, d_model, d_model]; two passes over the keys and values of the batch
//   mlp         h W_out forward and backward, [n, d_model, d_mlp]; four passes over the hidden layer

#include "bench/bound.h"
#include "cprobe/circuit/fit.h"
#include "cprobe/core/threads.h"
#include "cprobe/model/trainer.h"

namespace cprobe::bench {
namespace {

constexpr int64_t kBatch = 500;

struct Workload {
  Model model;
  TokenTrie trie;
  at::Tensor labels;
  ComponentRef component;
};

Workload arithmetic(Block block) {
  constexpr int64_t kModulus = 113;
  std::vector<std::vector<int64_t>> rows;
  std::vector<int64_t> squares;
  const at::Tensor order = at::randperm(kModulus * kModulus, Seed(0).generator(), at::kLong);
  for (int64_t i = 0; i < 7661; ++i) {
    const int64_t pair = order[i].item<int64_t>();
    rows.push_back({pair / kModulus, pair % kModulus, kModulus});
    squares.push_back((pair / kModulus) * (pair / kModulus) % kModulus);
  }
  return {
      random_model(toy_config(kModulus + 1, 3), Seed(0)), build_trie(rows), at::tensor(squares, at::kLong), {0, block}};
}

Workload gpt2_small(Block block) {
  const ModelConfig config{.vocab = 50257,
                           .n_positions = 1024,
                           .d_model = 768,
                           .n_layers = 12,
                           .n_heads = 12,
                           .n_kv_heads = 12,
                           .d_head = 64,
                           .d_mlp = 3072};
  const at::Tensor tokens = at::randint(config.vocab, {2000, 7}, Seed(1).generator(), at::kLong);
  std::vector<std::vector<int64_t>> rows;
  for (int64_t i = 0; i < tokens.size(0); ++i) {
    const int64_t* row = tokens[i].data_ptr<int64_t>();
    rows.emplace_back(row, row + tokens.size(1));
  }
  const at::Tensor labels = at::randint(2, {tokens.size(0)}, Seed(2).generator(), at::kLong);
  return {random_model(config, Seed(0)), build_trie(rows), labels, {6, block}};
}

double bound_gemms(const Workload& w) {
  const ModelConfig& c = w.model.config;
  const double loss = gemm_seconds(kBatch, kBatch, c.d_model) + gemm_seconds(kBatch, c.d_model, kBatch);
  const int64_t inner = w.component.block == Block::kAttention ? c.d_model : c.d_mlp;
  return loss + gemm_seconds(kBatch, c.d_model, inner) + gemm_seconds(kBatch, inner, c.d_model);
}

double bound_passes(const Workload& w) {
  const ModelConfig& c = w.model.config;
  const double loss = 2 * pass_seconds(kBatch * kBatch);
  if (w.component.block == Block::kMlp) return loss + 4 * pass_seconds(kBatch * c.d_mlp);
  return loss + 2 * pass_seconds(kBatch * w.trie.max_length() * 2 * c.d_model) / 2;  // read only
}

void fit_step(benchmark::State& state, Workload (*make)(Block), Block block) {
  set_threads(available_threads());
  const Workload w = make(block);
  at::NoGradGuard no_gradients;
  const Stream before = run_span(w.model, w.trie, embed(w.model, w.trie), Site::start(), Site::before(w.component));
  const ComponentInputs inputs(w.model, w.component, MaskUnit::kNeuron, w.trie, before, w.trie.nodes_at(-1));
  const double gemms = bound_gemms(w), passes = bound_passes(w);
  const std::unique_ptr<MaskMethod> method = continuous_sparsification();
  at::Generator generator = Seed(0).generator();
  const int64_t steps = inputs.n_labelled() / kBatch;
  const auto epoch = [&] {
    at::AutoGradMode gradients(true);
    fit(inputs, w.labels, *method, {.epochs = 1}, [&](int64_t n) { return at::randperm(n, generator, at::kLong); });
  };
  std::vector<double> times;
  for (auto _ : state) times.push_back(seconds_of(epoch) / static_cast<double>(steps));
  std::ranges::nth_element(times, times.begin() + static_cast<int64_t>(times.size() / 2));
  report(state, times[times.size() / 2], gemms, passes);
}

BENCHMARK_CAPTURE(fit_step, one_layer_attn, arithmetic, Block::kAttention)
    ->Iterations(20)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(fit_step, one_layer_mlp, arithmetic, Block::kMlp)->Iterations(20)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(fit_step, gpt2_small_attn, gpt2_small, Block::kAttention)
    ->Iterations(10)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(fit_step, gpt2_small_mlp, gpt2_small, Block::kMlp)->Iterations(10)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cprobe::bench

BENCHMARK_MAIN();
