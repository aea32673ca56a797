// Exchanges of inputs at GPT-2 small's size: 200 rows of 10 tokens, whose donors differ in one
// token. A measurement runs the component along the paths through half of its units, everything
// behind the component, and the unembedding at the last tokens.

#include "cprobe/evaluate/exchange_bench.h"

#include "bench/bound.h"
#include "cprobe/evaluate/controls.h"

namespace cprobe::bench {
namespace {

constexpr int64_t kRows = 200, kTokens = 10;

ExchangeRows random_pairs(int64_t vocab) {
  const at::Tensor tokens = at::randint(vocab, {kRows, kTokens}, Seed(1).generator(), at::kLong);
  ExchangeRows rows{.answers = tokens.select(1, 0).contiguous()};
  for (int64_t r = 0; r < kRows; ++r) {
    const int64_t* row = tokens[r].data_ptr<int64_t>();
    rows.base.emplace_back(row, row + kTokens);
    rows.donor.push_back(rows.base.back());
    rows.donor.back()[1] = (rows.donor.back()[1] + 1) % vocab;
  }
  return rows;
}

/// The least cost of a measurement: its matrix products. All tokens need all layers behind the
/// component but the last, which needs keys and values of all tokens and the rest at the last
/// token.
/// @param n  pairs of prefixes.
Bound exchange_bound(const ModelConfig& c, const ComponentRef& component, int64_t n) {
  const auto attention = [&](int64_t n_queries, int64_t n_keys) {
    return gemm_seconds(n_keys, 2 * c.d_model, c.d_model) + 2 * gemm_seconds(n_queries, c.d_model, c.d_model);
  };
  const auto mlp = [&](int64_t n_read) {
    return gemm_seconds(n_read, c.d_mlp, c.d_model) + gemm_seconds(n_read, c.d_model, c.d_mlp);
  };
  const bool is_attention = component.block == Block::kAttention;
  const int64_t n_behind = c.n_layers - 1 - component.layer;  // layers
  const int64_t n_written = n_behind == 0 ? kRows : n;
  double seconds = gemm_seconds(n_written, c.d_model, is_attention ? c.d_model : c.d_mlp);
  if (is_attention) seconds += mlp(n_written);
  if (n_behind > 0) seconds += static_cast<double>(n_behind - 1) * (attention(n, n) + mlp(n));
  if (n_behind > 0) seconds += attention(kRows, n) + mlp(kRows);
  return {.gemms = seconds + gemm_seconds(kRows, c.vocab, c.d_model)};
}

void exchange(benchmark::State& state, ComponentRef component, MaskUnit unit) {
  begin_computing();
  const Model model = gpt2_small().model;
  const ExchangeRows rows = random_pairs(model.config.vocab);
  const ExchangeBench bench(model, component, unit, rows);
  at::Generator generator = Seed(2).generator();
  std::vector<at::Tensor> units;
  for (const MatrixInfo& matrix : bench.matrices()) {
    units.push_back(at::rand(unit_shape(matrix, unit), generator) < 0.5);
  }
  const Bound bound = exchange_bound(model.config, component, bench.n_nodes());
  std::vector<double> times;
  for (auto _ : state) times.push_back(seconds_of([&] { bench.through(units); }));
  report(state, median(times), bound, model);
}

BENCHMARK_CAPTURE(exchange, gpt2_small_first_attn, ComponentRef{0, Block::kAttention}, MaskUnit::kNeuron)
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(exchange, gpt2_small_mid_mlp, ComponentRef{6, Block::kMlp}, MaskUnit::kNeuron)
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(exchange, gpt2_small_mid_mlp_weights, ComponentRef{6, Block::kMlp}, MaskUnit::kWeight)
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(exchange, gpt2_small_last_mlp, ComponentRef{11, Block::kMlp}, MaskUnit::kNeuron)
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cprobe::bench
