/// A variable planted in one component, for mask learners to find.
#pragma once

#include <optional>

#include "cprobe/circuit/fit.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe::testing {

/// A one-layer model whose tokens are pairs of a class (of 4) and a nuisance (of 8):
///   - hidden neurons 0-15 of the MLP read the class only, neurons 16-31 the nuisance only;
///   - all neurons write in random directions, so the class is in the updates, but drowned;
///   - the attention block adds nothing.
struct PlantedModel {
  static constexpr int64_t kClasses = 4, kNuisances = 8, kNeurons = 32;

  Model model;
  TokenRows rows;        ///< One row per token.
  at::Tensor classes;    ///< [32] int64, the class of each token.
  at::Tensor nuisances;  ///< [32] int64, the nuisance of each token.
};

inline PlantedModel planted_model() {
  ModelConfig config = tiny_config();
  config.vocab = PlantedModel::kClasses * PlantedModel::kNuisances;
  config.n_layers = 1;
  config.d_model = 16;
  config.d_head = 8;
  config.d_mlp = PlantedModel::kNeurons;
  config.activation = Activation::kRelu;
  PlantedModel planted{.model = random_model(config, Seed(1))};
  std::map<std::string, at::Tensor>& weights = planted.model.weights;
  const auto zero_mean = [](int64_t n, int64_t d, const char* stream) {
    const at::Tensor x = at::randn({n, d}, Seed(2).derive(stream).generator());
    return x - x.mean(1, true);  // With zero means, the norm does not mix the two halves.
  };
  const at::Tensor token = at::arange(config.vocab);
  planted.classes = token % PlantedModel::kClasses;
  planted.nuisances = at::div(token, PlantedModel::kClasses, "floor");
  weights.at("embed.token") =
      at::cat({zero_mean(PlantedModel::kClasses, 8, "class").index_select(0, planted.classes),
               2 * zero_mean(PlantedModel::kNuisances, 8, "nuisance").index_select(0, planted.nuisances)},
              1);
  weights.at("embed.position").zero_();
  weights.at("layers.0.attn.out.weight").zero_();
  at::Tensor& in = weights.at("layers.0.mlp.in.weight");
  in = at::randn(in.sizes(), Seed(3).generator());
  in.narrow(0, 0, 8).narrow(1, 16, 16).zero_();
  in.narrow(0, 8, 8).narrow(1, 0, 16).zero_();
  for (int64_t t = 0; t < config.vocab; ++t) planted.rows.push_back({t});
  return planted;
}

/// The MLP of the planted model at its 32 tokens, labelled by class.
class PlantedVariable : public ::testing::Test {
 protected:
  PlantedVariable() { use(planted_.model); }

  /// Takes the MLP of another model with the same tokens.
  void use(const Model& model, MaskUnit unit = MaskUnit::kNeuron) {
    const TokenTrie trie = build_trie(planted_.rows);
    const Site site = Site::before({0, Block::kMlp});
    inputs_.emplace(model, site.next(), unit, trie, stream_at(model, trie, site), trie.nodes_at(-1));
  }

  int64_t n() const { return labels_.size(0); }

  FitResult run(const FitOptions& options, uint64_t seed = 0) const {
    return run(*continuous_sparsification(), options, seed);
  }
  FitResult run(const MaskMethod& method, const FitOptions& options, uint64_t seed = 0) const {
    at::Generator generator = Seed(seed).generator();
    const auto order = [&](int64_t n_labelled) { return at::randperm(n_labelled, generator, at::kLong); };
    return fit(*inputs_, labels_, method, options, order, Seed(seed).derive("noise").generator());
  }

  double objective(const std::vector<at::Tensor>& multipliers) const {
    return mean_objective(*inputs_, labels_, multipliers, at::arange(n()), n(), true);
  }

  PlantedModel planted_ = planted_model();
  at::Tensor labels_ = planted_.classes;
  std::optional<ComponentInputs> inputs_;
};

}  // namespace cprobe::testing
