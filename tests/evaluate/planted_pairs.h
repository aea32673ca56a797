/// A model that answers with two variables at once, each held in known directions. Changing one
/// variable must leave the other alone.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "cprobe/evaluate/probed_site.h"
#include "tests/mean_attention.h"

namespace cprobe::testing {

constexpr int64_t kValues = 3;  ///< Number of values of each variable.

/// A model that maps a row `x y` to the token that stands for (x, y).
///   - Attention copies x from the first token to the last token, which holds y already.
///   - The MLP is empty.
///   - The unembedding compares with each pair.
/// At the last token, between attention and MLP, x and y thus lie in two orthogonal subspaces of
/// kValues dimensions.
struct PlantedPairs {
  Model model;
  /// [d_model, kValues - 1] orthonormal: spans all differences between values of x.
  at::Tensor directions_x;

  static int64_t token_of_y(int64_t y) { return kValues + y; }
  static int64_t answer(int64_t x, int64_t y) { return 2 * kValues + x * kValues + y; }
};

inline PlantedPairs planted_pairs() {
  constexpr int64_t kWidth = 9;
  auto [model, directions] = mean_attention(2 * kValues + kValues * kValues, 2, kWidth);
  const at::Tensor x = directions.narrow(0, 0, kValues), y = directions.narrow(0, kValues, kValues);
  model.weights["embed.token"].narrow(0, 0, kValues).copy_(x);
  model.weights["embed.token"].narrow(0, kValues, kValues).copy_(y);
  for (int64_t i = 0; i < kValues; ++i) {
    for (int64_t j = 0; j < kValues; ++j) model.weights["unembed"][PlantedPairs::answer(i, j)].copy_((x[i] + y[j]) * 4);
  }
  const at::Tensor differences = at::tensor({1.0F, -1.0F, 0.0F, 1.0F, 1.0F, -2.0F}).view({2, 3}).t();
  return {std::move(model), std::get<0>(at::linalg_qr(at::mm(x.t(), differences)))};
}

/// Pairs [begin, end) of all pairs of a row and a source, in a random order. Variables:
///   - `x`: x of the row;
///   - `noise`: as `x`, but with random counterfactual answers.
inline Dataset paired_rows(int64_t begin, int64_t end) {
  constexpr int64_t kAll = kValues * kValues * kValues * kValues;
  const at::Tensor order = at::randperm(kAll, Seed(11).generator(), at::kLong);
  const at::Tensor noise = at::randint(kValues * kValues, {kAll}, Seed(12).generator(), at::kLong) + 2 * kValues;
  std::vector<std::vector<int64_t>> rows, sources;
  std::vector<int64_t> labels, answers, counterfactual;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t code = order[i].item<int64_t>();
    const int64_t x = code % 3, y = code / 3 % 3, source_x = code / 9 % 3, source_y = code / 27;
    rows.push_back({x, PlantedPairs::token_of_y(y)});
    sources.push_back({source_x, PlantedPairs::token_of_y(source_y)});
    labels.push_back(x);
    answers.push_back(PlantedPairs::answer(x, y));
    counterfactual.push_back(PlantedPairs::answer(source_x, y));
  }
  Dataset data{.source = "planted",
               .trie = build_trie(rows),
               .answers = at::tensor(answers),
               .variables = {{"x", at::tensor(labels)}, {"noise", at::tensor(labels)}}};
  data.counterfactuals = {.sources = build_trie(sources),
                          .answers = {{"x", at::tensor(counterfactual)}, {"noise", noise.slice(0, begin, end)}}};
  return data;
}

/// The planted data at the site between attention and MLP. Refers to `model`, `train` and `test`.
inline ProbedSite paired_site(const Model& model, const Dataset& train, const Dataset& test,
                              const std::string& variable) {
  const Site site = Site::after({0, Block::kAttention});
  const auto set = [&](const Dataset& data) {
    return ProbedSet{.data = data,
                     .stream = stream_at(model, data.trie, site),
                     .nodes = data.trie.nodes_at(-1),
                     .labels = data.variables.at(variable)};
  };
  return {.model = model, .site = site, .variable = variable, .train = set(train), .test = set(test)};
}

}  // namespace cprobe::testing
