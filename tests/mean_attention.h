/// A one-layer model whose attention takes the mean over all tokens, to plant variables in.
#pragma once

#include <ATen/ATen.h>

#include "cprobe/model/model.h"

namespace cprobe::testing {

struct MeanAttention {
  /// Embeddings and unembeddings are 0, for a test to fill. Attention adds the mean of all tokens'
  /// embeddings, and the MLP is empty.
  Model model;
  /// [width - 1, width] orthonormal rows with mean 0, because layer norm takes the mean away.
  at::Tensor directions;
};

inline MeanAttention mean_attention(int64_t vocab, int64_t n_positions, int64_t width) {
  const ModelConfig config{.vocab = vocab,
                           .n_positions = n_positions,
                           .d_model = width,
                           .n_layers = 1,
                           .n_heads = 1,
                           .n_kv_heads = 1,
                           .d_head = width,
                           .d_mlp = 4,
                           .tied_unembedding = false};
  Model model = random_model(config, Seed(0));
  for (auto& [name, weight] : model.weights) {
    weight = name.ends_with("norm.weight") ? at::ones_like(weight) : at::zeros_like(weight);
  }
  const at::Tensor drawn = at::randn({width, width}, Seed(7).generator());
  drawn.select(1, 0).fill_(1);
  const at::Tensor basis = std::get<0>(at::linalg_qr(drawn));
  // Queries and keys are 0, so attention takes the mean of the values.
  model.weights["layers.0.attn.qkv.weight"].narrow(1, 2 * width, width).copy_(at::eye(width));
  model.weights["layers.0.attn.out.weight"].copy_(at::eye(width));
  return {std::move(model), basis.narrow(1, 1, width - 1).t()};
}

}  // namespace cprobe::testing
