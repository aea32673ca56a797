/// Small models to calibrate verdicts on, and variables that mean nothing to them.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "cprobe/probe/run_data.h"
#include "cprobe/training/trainer.h"

namespace cprobe::bench {

/// Operands are the tokens 0 to 22; token 23 is "=".
inline constexpr int64_t kOperands = 23;

/// The rows `a b =` of all pairs, with the answer a^2 - b^2 mod 23: three in five to train masks
/// on, the others to test on.
struct ToyRows {
  Dataset all, train, test;
  at::Tensor train_pairs, test_pairs;  ///< [n] int64: a * kOperands + b of each row.
};

inline Dataset rows_of_pairs(const std::string& source, const at::Tensor& pairs) {
  std::vector<std::vector<int64_t>> rows;
  std::vector<int64_t> answers;
  for (int64_t i = 0; i < pairs.size(0); ++i) {
    const int64_t a = pairs[i].item<int64_t>() / kOperands, b = pairs[i].item<int64_t>() % kOperands;
    rows.push_back({a, b, kOperands});
    answers.push_back((a * a + (kOperands - b) * b) % kOperands);
  }
  return {.source = source, .trie = build_trie(rows), .answers = at::tensor(answers, at::kLong)};
}

inline ToyRows toy_rows() {
  const int64_t n = kOperands * kOperands, n_train = n * 3 / 5;
  const at::Tensor order = at::randperm(n, Seed(0).derive("rows").generator(), at::kLong);
  const at::Tensor train = order.narrow(0, 0, n_train), test = order.narrow(0, n_train, n - n_train);
  return {rows_of_pairs("all rows", at::arange(n)), rows_of_pairs("train", train), rows_of_pairs("test", test), train,
          test};
}

/// @param spread  standard deviation of fresh weights.
inline ModelConfig small_config(double spread) {
  ModelConfig config = toy_config(kOperands + 1, 3);
  config.d_model = 32;
  config.d_head = 8;
  config.d_mlp = 64;
  config.initializer_range = spread;
  return config;
}

/// A model after training on all rows, as verdicts are asked of models that answer right.
inline Model trained_model(const ToyRows& rows, int64_t steps, Seed seed) {
  TrainOptions options;
  options.steps = options.evaluate_every = steps;
  options.learning_rate = 5e-3;
  options.weight_decay = .1;
  return train_in_memory(random_model(small_config(.02), seed), rows.all, rows.all, options,
                         [](const CurvePoint&) { return true; });
}

/// How a variable that means nothing depends on the tokens of a row.
enum class NullTable {
  kToken,           ///< A random table of a, with the class sizes of a^2.
  kBlocks,          ///< A random table of a: of two neighbours, one has the value 0, the other 1.
  kPairs,           ///< A random table of (a, b) with 4 values.
  kSymmetricPairs,  ///< The same for pairs without order.
  kSums,            ///< A sum mod 5 of a and b after each was renamed at random.
  kRows,            ///< A random value of 3 for each row.
};
inline constexpr std::array kNullTables = {NullTable::kToken,          NullTable::kBlocks, NullTable::kPairs,
                                           NullTable::kSymmetricPairs, NullTable::kSums,   NullTable::kRows};

inline std::string_view name_of_table(NullTable table) {
  switch (table) {
    case NullTable::kToken:
      return "table of a token";
    case NullTable::kBlocks:
      return "table of a token, in blocks";
    case NullTable::kPairs:
      return "table of pairs";
    case NullTable::kSymmetricPairs:
      return "symmetric table of pairs";
    case NullTable::kSums:
      return "sum of renamed tokens";
    case NullTable::kRows:
      return "label noise";
  }
  return {};
}

/// The value of each pair, [kOperands^2] int64, drawn at random.
inline at::Tensor drawn_table(NullTable table, Seed seed) {
  at::Generator generator = seed.derive(name_of_table(table)).generator();
  const int64_t n = kOperands;
  const auto names = [&] { return at::randperm(n, generator, at::kLong); };
  const auto of_first = [&](const at::Tensor& values) { return values.repeat_interleave(n); };
  const auto random = [&](int64_t n_values) { return at::randint(n_values, {n * n}, generator, at::kLong); };
  switch (table) {
    case NullTable::kToken:
      return of_first(names().square().remainder(n));
    case NullTable::kBlocks: {
      const at::Tensor first = at::randint(2, {n / 2}, generator, at::kLong);
      const at::Tensor in_blocks = at::stack({first, 1 - first}, 1).reshape(-1);
      return of_first(at::cat({in_blocks, at::zeros({1}, at::kLong)}));
    }
    case NullTable::kPairs:
      return random(4);
    case NullTable::kSymmetricPairs: {
      const at::Tensor upper = random(4).view({n, n}).triu();
      return (upper + upper.triu(1).t()).reshape(-1);
    }
    case NullTable::kSums:
      return (names().unsqueeze(1) + names()).remainder(n).remainder(5).reshape(-1);
    case NullTable::kRows:
      return random(3);
  }
  return {};
}

/// On what `table` depends.
inline TypeOptions types_of_table(NullTable table) {
  using Part = TypeOptions::Part;
  switch (table) {
    case NullTable::kToken:
      return {.parts = {Part(int64_t{0})}};
    case NullTable::kBlocks:
      return {.parts = {Part(int64_t{0})}, .block = "block"};
    case NullTable::kRows:
      return {};
    default:
      return {.parts = {Part(int64_t{0}), Part(int64_t{1})}};
  }
}

/// Adds a variable to the training and test rows.
/// @param of_pairs  [kOperands^2] int64.
inline void add_variable(RunData& data, const ToyRows& rows, const std::string& name, const at::Tensor& of_pairs) {
  const auto add = [&](Dataset& set, const at::Tensor& pairs) {
    set.variables[name] = of_pairs.index_select(0, pairs);
    std::vector<std::string>& blocks = set.type_columns["block"];
    if (!blocks.empty()) return;
    for (int64_t i = 0; i < pairs.size(0); ++i) {
      blocks.push_back(std::to_string(pairs[i].item<int64_t>() / kOperands / 2));
    }
  };
  add(data.train, rows.train_pairs);
  add(data.test, rows.test_pairs);
  data.evaluation_sets = {{"Test", data.test}};
}

/// A model whose MLP computes a random table of its only token, 24 tokens in 4 classes, and in
/// other units another table, which nothing reads. The first is the answer, and the variable "V" of
/// the rows. What the MLP reads does not have V, as the codes of tokens have equal distances.
inline RunData planted_table(Seed seed) {
  constexpr int64_t kTokens = 24, kClasses = 4, kCode = 8, kTimes = 10;
  ModelConfig config = small_config(.02);
  config.vocab = kTokens + kClasses;
  config.n_positions = 1;
  config.d_model = kTokens + 2 * kCode;
  config.d_head = config.d_model / 4;
  config.d_mlp = 2 * kTokens;
  config.activation = Activation::kRelu;
  config.tied_unembedding = false;
  RunData data{.model = random_model(config, seed)};
  std::map<std::string, at::Tensor>& weights = data.model.weights;
  const at::Tensor tables = at::stack({at::randperm(kTokens, seed.derive("V").generator(), at::kLong),
                                       at::randperm(kTokens, seed.derive("U").generator(), at::kLong)})
                                .remainder(kClasses);
  const at::Tensor tokens = at::eye(kTokens);
  weights.at("embed.token").narrow(0, 0, kTokens).narrow(1, 0, kTokens).add_(tokens);
  weights.at("layers.0.attn.out.weight").mul_(.1);
  // With one coordinate of d at 1, its normed value is near sqrt(d).
  const double normed = std::sqrt(static_cast<double>(config.d_model));
  for (int64_t t = 0; t < 2; ++t) {
    const at::Tensor code = at::randn({kClasses, kCode}, seed.derive("code " + std::to_string(t)).generator());
    const at::Tensor zero_mean = code - code.mean(1, true);
    weights.at("layers.0.mlp.in.weight").narrow(1, t * kTokens, kTokens).narrow(0, 0, kTokens).add_(tokens / normed);
    weights.at("layers.0.mlp.in.bias").narrow(0, t * kTokens, kTokens).sub_(.5);
    weights.at("layers.0.mlp.out.weight")
        .narrow(0, t * kTokens, kTokens)
        .narrow(1, kTokens + t * kCode, kCode)
        .add_(2 * zero_mean.index_select(0, tables[t]));
    if (t == 0) weights.at("unembed").narrow(0, kTokens, kClasses).narrow(1, kTokens, kCode).add_(zero_mean);
  }
  const auto rows = [&](const std::string& source) {
    std::vector<std::vector<int64_t>> all;
    for (int64_t i = 0; i < kTimes * kTokens; ++i) all.push_back({i % kTokens});
    Dataset set{.source = source, .trie = build_trie(all)};
    set.variables["V"] = tables[0].repeat({kTimes});
    set.answers = set.variables["V"] + kTokens;
    set.type_positions["V"] = {0};
    return set;
  };
  data.train = rows("train");
  data.test = rows("test");
  data.evaluation_sets = {{"Test", data.test}};
  return data;
}

}  // namespace cprobe::bench
