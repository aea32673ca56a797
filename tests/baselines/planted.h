/// A model whose states and answers depend on known variables.
#pragma once

#include <ATen/ATen.h>

#include <limits>
#include <string>
#include <vector>

#include "cprobe/baselines/baseline.h"
#include "cprobe/model/forward.h"
#include "cprobe/model/model.h"

namespace cprobe::testing {

/// Rows are `a b =`. a and b have six values each.
inline constexpr int64_t kPlantedValues = 6;

/// A model of one layer, with data. Attention brings a and b to the state of "=". The MLP adds
/// nothing. The unembedding reads a only.
///   - `a`: in coordinates 0..5 of the state, at mid and post. The answer.
///   - `b`: in coordinates 6..11, which the unembedding does not read. So `b` can be decoded, but
///     the answer does not depend on `b`.
///   - `noise`: a random label for each row. No state holds `noise`.
/// The other coordinates make the mean of every embedding zero. Equal rows share their nodes.
struct Planted {
  Model model;
  Dataset train;
  Dataset test;
};

/// Random rows, each with a random row as its source.
inline Dataset planted_rows(int64_t n_rows, Seed seed) {
  const int64_t v = kPlantedValues;
  at::Generator generator = seed.generator();
  const at::Tensor a = at::randint(v, {n_rows}, generator, at::kLong),
                   b = at::randint(v, {n_rows}, generator, at::kLong),
                   source = at::randperm(n_rows, generator, at::kLong),
                   noise = at::randint(v, {n_rows}, generator, at::kLong);
  std::vector<std::vector<int64_t>> rows, sources;
  for (int64_t r = 0; r < n_rows; ++r) {
    rows.push_back({a[r].item<int64_t>(), v + b[r].item<int64_t>(), 2 * v});
  }
  for (int64_t r = 0; r < n_rows; ++r) sources.push_back(rows[static_cast<size_t>(source[r].item<int64_t>())]);
  const at::Tensor a_of_source = a.index_select(0, source), b_of_source = b.index_select(0, source),
                   noise_of_source = noise.index_select(0, source);
  return {.source = "planted rows",
          .trie = build_trie(rows),
          .answers = a,
          .variables = {{"a", a},
                        {"b", b},
                        {"noise", noise},
                        {"counter_a", a_of_source},
                        {"counter_b", b_of_source},
                        {"counter_noise", noise_of_source}},
          .counterfactuals =
              Counterfactuals{.sources = build_trie(sources),
                              .answers = {{"a", a_of_source}, {"b", b_of_source}, {"noise", noise_of_source}}}};
}

/// Tokens 0..5 are the values of a, tokens 6..11 those of b, and token 12 is "=".
inline Planted planted() {
  const int64_t v = kPlantedValues, d = 4 * v;
  ModelConfig config{.vocab = 2 * v + 1,
                     .n_positions = 3,
                     .d_model = d,
                     .n_layers = 1,
                     .n_heads = 1,
                     .n_kv_heads = 1,
                     .d_head = d,
                     .d_mlp = 4,
                     .tied_unembedding = false};
  Model model = random_model(config, Seed(0));
  for (auto& [name, weight] : model.weights)
    weight = name.ends_with("norm.weight") ? at::ones_like(weight) : at::zeros_like(weight);
  at::Tensor embedding = at::zeros({config.vocab, d});
  for (int64_t i = 0; i < 2 * v; ++i) {
    embedding[i][i] = 1;
    embedding[i][2 * v + i] = -1;
  }
  model.weights["embed.token"] = embedding;
  // Queries and keys are zero, so that attention looks at all tokens alike. Values are the normed
  // states.
  at::Tensor qkv = at::zeros({d, 3 * d});
  qkv.narrow(1, 2 * d, d).copy_(at::eye(d));
  model.weights["layers.0.attn.qkv.weight"] = qkv;
  model.weights["layers.0.attn.out.weight"] = at::eye(d);
  at::Tensor unembedding = at::zeros({config.vocab, d});
  for (int64_t i = 0; i < v; ++i) unembedding[i][i] = 1;
  model.weights["unembed"] = unembedding;
  return {model, planted_rows(600, Seed(1)), planted_rows(400, Seed(2))};
}

/// A variable of the planted model, at the site behind a block of its only layer. `planted` must
/// outlive the returned site.
inline ProbedSite planted_site(const Planted& planted, const std::string& variable, Block behind) {
  const Site site = Site::after({0, behind});
  const auto set = [&](const Dataset& data) {
    return ProbedSet{.data = data,
                     .stream = stream_at(planted.model, data.trie, site),
                     .nodes = data.trie.nodes_at(-1),
                     .labels = data.variables.at(variable)};
  };
  ProbedSite probed{.model = planted.model,
                    .site = site,
                    .variable = variable,
                    .train = set(planted.train),
                    .test = set(planted.test)};
  probed.evaluation_sets.emplace_back("Test", set(planted.test));
  return probed;
}

/// The value of a metric; NaN if there is no such metric.
inline double value_of(const std::vector<Metric>& metrics, const std::string& metric, const std::string& control = "") {
  for (const Metric& m : metrics) {
    if (m.metric == metric && m.control == control) return m.value;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace cprobe::testing
