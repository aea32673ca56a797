/// A model whose answer is a function of one token with many types, for figures beside null
/// variables.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "cprobe/baselines/beside_nulls.h"
#include "cprobe/evaluate/answers.h"
#include "cprobe/evaluate/probed_site.h"
#include "cprobe/evaluate/statistics.h"
#include "cprobe/evaluate/tested_metric.h"

namespace cprobe::testing {

/// Rows are `a b =`. The variable `v` is `a` modulo the number of values.
inline constexpr int64_t kTypes = 24, kTypeValues = 4, kOthers = 6;

/// What the state of "=" says of `a`.
enum class Code {
  kValue,  ///< v alone, so that nothing tells tokens of one value apart.
  kToken,  ///< The token alone, in a coordinate of its own, so that a linear map knows any table.
  kBoth,
};

/// A model of one layer. Attention brings `a` and `b` to the state of "=", the MLP adds nothing,
/// and the unembedding reads v, which is the answer, from coordinates 0..3.
struct PlantedTypes {
  Model model;
  Dataset train, test;
  NullHypothesis null;
};

/// Random rows, each with a random row as its source, and the answer that the source's v gives.
inline Dataset planted_type_rows(int64_t n_rows, Seed seed) {
  at::Generator generator = seed.generator();
  const at::Tensor a = at::randint(kTypes, {n_rows}, generator, at::kLong),
                   b = at::randint(kOthers, {n_rows}, generator, at::kLong),
                   source = at::randperm(n_rows, generator, at::kLong);
  std::vector<std::vector<int64_t>> rows, sources;
  for (int64_t r = 0; r < n_rows; ++r) {
    rows.push_back({a[r].item<int64_t>(), kTypes + b[r].item<int64_t>(), kTypes + kOthers});
  }
  for (int64_t r = 0; r < n_rows; ++r) sources.push_back(rows[static_cast<size_t>(source[r].item<int64_t>())]);
  const at::Tensor v = a.remainder(kTypeValues), v_of_source = v.index_select(0, source);
  return {.source = "planted types",
          .trie = build_trie(rows),
          .answers = v,
          .variables = {{"v", v}, {"counter_v", v_of_source}},
          .counterfactuals = Counterfactuals{.sources = build_trie(sources), .answers = {{"v", v_of_source}}}};
}

/// @param n_nulls  null variables.
inline PlantedTypes planted_types(Code code, int64_t n_nulls = 19) {
  constexpr int64_t kUsed = kTypeValues + kTypes + kOthers, kWidth = 2 * kUsed;
  const ModelConfig config{.vocab = kTypes + kOthers + 1,
                           .n_positions = 3,
                           .d_model = kWidth,
                           .n_layers = 1,
                           .n_heads = 1,
                           .n_kv_heads = 1,
                           .d_head = kWidth,
                           .d_mlp = 4,
                           .tied_unembedding = false};
  PlantedTypes planted{.model = random_model(config, Seed(0)),
                       .train = planted_type_rows(600, Seed(1)),
                       .test = planted_type_rows(400, Seed(2))};
  for (auto& [name, weight] : planted.model.weights) {
    weight = name.ends_with("norm.weight") ? at::ones_like(weight) : at::zeros_like(weight);
  }
  // Each coordinate of a code has a mirrored one, so that the mean of every embedding is 0.
  at::Tensor embedding = at::zeros({config.vocab, kWidth});
  const auto set = [&](int64_t token, int64_t coordinate) {
    embedding[token][coordinate] = 1;
    embedding[token][kUsed + coordinate] = -1;
  };
  for (int64_t a = 0; a < kTypes; ++a) {
    if (code != Code::kToken) set(a, a % kTypeValues);
    if (code != Code::kValue) set(a, kTypeValues + a);
  }
  for (int64_t b = 0; b < kOthers; ++b) set(kTypes + b, kTypeValues + kTypes + b);
  planted.model.weights["embed.token"] = embedding;
  // Queries and keys are zero, so that attention looks at all tokens alike.
  planted.model.weights["layers.0.attn.qkv.weight"].narrow(1, 2 * kWidth, kWidth).copy_(at::eye(kWidth));
  planted.model.weights["layers.0.attn.out.weight"] = at::eye(kWidth);
  for (int64_t v = 0; v < kTypeValues; ++v) planted.model.weights["unembed"][v][v] = 1;
  const std::vector<const Dataset*> sets = {&planted.train, &planted.test};
  Types types = find_types(sets, "v", {.parts = {int64_t{0}}});
  NullVariables variables = null_variables(types, n_nulls);
  planted.null = {std::move(types), std::move(variables)};
  return planted;
}

/// The variable v behind attention. `planted` must outlive the returned site.
inline ProbedSite planted_types_site(const PlantedTypes& planted) {
  const Site site = Site::after({0, Block::kAttention});
  const auto set = [&](const Dataset& data, size_t place) {
    return ProbedSet{.data = data,
                     .stream = stream_at(planted.model, data.trie, site),
                     .nodes = data.trie.nodes_at(-1),
                     .labels = data.variables.at("v"),
                     .types = planted.null.types.of_rows[place]};
  };
  ProbedSite probed{.model = planted.model,
                    .site = site,
                    .variable = "v",
                    .train = set(planted.train, 0),
                    .test = set(planted.test, 1),
                    .null = &planted.null};
  probed.evaluation_sets.emplace_back("Test", set(planted.test, 1));
  return probed;
}

/// The word for a figure beside null variables, alone in its family, and the figure.
struct Word {
  VerdictWord word = VerdictWord::kNotTested;
  TestedFigure figure;
};

/// @param name  of the metric, such as "type_accuracy Test".
inline Word word_of(const std::vector<Metric>& metrics, const std::string& name) {
  Word found;
  double most = 0;
  for (const Metric& m : metrics) {
    if (m.metric != name) continue;
    if (m.control.empty()) found.figure = tested_figure(m);
    if (m.control == kMostPossible) most = m.value;
  }
  if (found.figure.nulls.empty()) return found;
  const CountedP p = p_of({found.figure.value, found.figure.nulls});
  found.word = verdict_on({p, found.figure.interval}, .05, most - spread(found.figure.nulls).mean);
  return found;
}

}  // namespace cprobe::testing
