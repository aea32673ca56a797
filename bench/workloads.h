/// Models with random weights, and data, of the sizes that the benchmarks run at.
#pragma once

#include "cprobe/data/dataset.h"
#include "cprobe/training/trainer.h"

namespace cprobe::bench {

constexpr int64_t kBatch = 500;          ///< The paper's batch size.
constexpr int64_t kModulus = 113;        ///< Experiment 1's modulus.
constexpr int64_t kTrainingRows = 7661;  ///< Experiment 1's training rows.

struct Workload {
  Model model;
  Dataset train;
  Dataset test;
};

/// Experiment 1's size: one layer, d_model 128, rows `a b =` with a^2 - b^2 as answer and a^2 as
/// variable `x`.
inline Workload one_layer() {
  std::vector<std::vector<int64_t>> rows;
  std::vector<int64_t> answers, squares;
  const at::Tensor order = at::randperm(kModulus * kModulus, Seed(0).generator(), at::kLong);
  for (int64_t i = 0; i < order.size(0); ++i) {
    const int64_t a = order[i].item<int64_t>() / kModulus, b = order[i].item<int64_t>() % kModulus;
    rows.push_back({a, b, kModulus});
    squares.push_back(a * a % kModulus);
    answers.push_back((a * a + (kModulus - b) * b) % kModulus);
  }
  const auto part = [&](int64_t begin, int64_t end) {
    const auto slice = [&](const auto& all) { return std::vector(all.begin() + begin, all.begin() + end); };
    return Dataset{.source = "benchmark",
                   .trie = build_trie(slice(rows)),
                   .answers = at::tensor(slice(answers)),
                   .variables = {{"x", at::tensor(slice(squares))}}};
  };
  return {random_model(toy_config(kModulus + 1, 3), Seed(0)), part(0, kTrainingRows),
          part(kTrainingRows, kModulus * kModulus)};
}

/// GPT-2 small's size: 12 layers, d_model 768, and 2,000 rows of 7 random tokens with a random
/// binary variable `x`.
inline Workload gpt2_small() {
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
  Dataset data{.source = "benchmark", .trie = build_trie(rows), .answers = labels, .variables = {{"x", labels}}};
  return {random_model(config, Seed(0)), data, data};
}

}  // namespace cprobe::bench
