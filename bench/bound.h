/// The least time that a step can take on this machine now: its GEMMs alone, plus one elementwise
/// pass over every array that the step must touch. Benchmarks print their time beside this bound.
#pragma once

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "bench/timing.h"
#include "bench/workloads.h"
#include "cprobe/core/memory.h"
#include "cprobe/model/gemm.h"

namespace cprobe::bench {

/// Seconds of one bare [m, k] x [k, n] float32 GEMM: with the BLAS's own threads or with ours,
/// whichever is faster.
inline double gemm_seconds(int64_t m, int64_t n, int64_t k) {
  const at::Tensor a = at::rand({m, k}), b = at::rand({k, n});
  at::Tensor c = at::empty({m, n});
  return std::min(median_seconds([&] { at::mm_out(c, a, b); }), median_seconds([&] { gemm(a, b); }));
}

/// Seconds of reading and writing `n_floats` floats in place, the least that an elementwise pass
/// over them costs.
inline double pass_seconds(int64_t n_floats) {
  at::Tensor x = at::rand({n_floats});
  return median_seconds([&] { x.mul_(1.0f); });
}

struct Bound {
  double gemms = 0;   ///< Seconds.
  double passes = 0;  ///< Seconds.
};

/// The least cost of one step of mask training with neuron masks:
///
///     loss        half of S = V V^T, which is symmetric, and dV = G V, [n, n, d_model]; two passes
///                 over half of the n x n kernel (exponential, gradient)
///     attention   z W_out forward and backward, [n, d_model, d_model]; keys and values read twice
///     mlp         h W_out forward and backward, [n, d_model, d_mlp]; four passes over the hidden
///                 layer
inline Bound fit_step_bound(const Workload& w, Block block) {
  const ModelConfig& c = w.model.config;
  const bool attention = block == Block::kAttention;
  const int64_t inner = attention ? c.d_model : c.d_mlp;
  const int64_t touched = attention ? kBatch * w.train.trie.max_length() * 2 * c.d_model : 4 * kBatch * c.d_mlp;
  return {.gemms = gemm_seconds(kBatch, kBatch / 2, c.d_model) + gemm_seconds(kBatch, c.d_model, kBatch) +
                   gemm_seconds(kBatch, c.d_model, inner) + gemm_seconds(kBatch, inner, c.d_model),
          .passes = 2 * pass_seconds(kBatch * kBatch / 2) + pass_seconds(touched)};
}

/// The least cost of one training step of a one-layer model on all rows. Only the last tokens reach
/// the output projection, and their queries, keys and values come from a few hundred distinct
/// (token, position):
///
///     linear maps   [n, d_model, d_model], [n, d_mlp, d_model], [n, d_model, d_mlp] and
///                   [n, vocab, d_model], each once forward and twice backward (by input, by
///                   weight)
///     passes        the hidden layer 4 times, the stream 12 times, the float64 probabilities once
inline Bound training_step_bound(const Workload& w) {
  const ModelConfig& c = w.model.config;
  const int64_t n = w.train.trie.n_rows();
  Bound bound;
  for (const auto& [in, out] : std::vector<std::pair<int64_t, int64_t>>{
           {c.d_model, c.d_model}, {c.d_model, c.d_mlp}, {c.d_mlp, c.d_model}, {c.d_model, c.vocab}}) {
    bound.gemms += gemm_seconds(n, out, in) + gemm_seconds(n, in, out) + gemm_seconds(in, out, n);
  }
  bound.passes = 4 * pass_seconds(n * c.d_mlp) + 12 * pass_seconds(n * c.d_model) + 2 * pass_seconds(n * c.vocab);
  return bound;
}

/// Puts time and bound into a benchmark's counters, with the size of the model's weights and the
/// peak memory of the process so far (that of a benchmark alone if nothing else ran before).
/// @param seconds  measured time of one step.
inline void report(benchmark::State& state, double seconds, const Bound& bound, const Model& model) {
  state.counters["time_ms"] = seconds * 1e3;
  state.counters["gemm_ms"] = bound.gemms * 1e3;
  state.counters["bound_ms"] = (bound.gemms + bound.passes) * 1e3;
  state.counters["time/bound"] = seconds / (bound.gemms + bound.passes);
  state.counters["peak_MB"] = static_cast<double>(peak_memory()) / 1024.0 / 1024.0;
  double bytes = 0;
  for (const auto& [name, weight] : model.weights) bytes += static_cast<double>(weight.nbytes());
  state.counters["weights_MB"] = bytes / 1024.0 / 1024.0;
}

}  // namespace cprobe::bench
