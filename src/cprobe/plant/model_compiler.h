#pragma once

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "cprobe/data/token_trie.h"
#include "cprobe/model/model.h"
#include "cprobe/plant/codes.h"
#include "cprobe/plant/compiled.h"

namespace cprobe {

/// A hidden unit: relu(the operands are those of `domain` - a threshold).
struct HiddenUnit {
  int64_t domain = 0;
  bool writes_v = false;
  int64_t writes_u = 0;  ///< Number of the U that the unit writes, from 1; 0: none.
  int64_t copy = 0;      ///< Of V's units.
};

/// Builds the model component by component: each reads what the ones before it write, and layer
/// norm's factor is measured on that.
class ModelCompiler {
 public:
  static constexpr int64_t kHeads = 4;

  /// Keeps references to options and rows.
  ModelCompiler(const CompiledOptions& options, const PlantedRows& rows, Seed seed);
  Model model();
  /// The variables that the model computes, with what each unit is for.
  std::vector<PlantedVariable> computed() const;

 private:
  using Values = std::vector<int64_t>;

  bool is_attention() const { return rows_.component.block == Block::kAttention; }
  int64_t vocab() const { return equals() + 1 + (options_.context > 0 ? kContextTokens : 0); }
  int64_t equals() const { return std::max(options_.n_operands, options_.n_classes); }
  int64_t last_position() const { return options_.context + 2; }
  bool is_combiner(const ComponentRef& component) const {
    return options_.answer == PlantedAnswer::kCombined && component == ComponentRef{options_.n_layers - 1, Block::kMlp};
  }

  Code new_code(int64_t n_values, double gain = 1);
  void lay_out();
  void list_hidden_units();
  void embed_tokens();
  void add_random_heads(int64_t layer, const Values& heads);
  void add_route(int64_t layer, int64_t head, int64_t position);
  void add_copying_head(int64_t layer, int64_t head, int64_t operand);
  void add_computing_head(int64_t layer, int64_t head);
  void build_attention(int64_t layer);
  void add_computing_units(int64_t layer);
  void add_combining_units(int64_t layer);
  void add_random_units(int64_t layer);
  void unembed();

  at::Tensor& weight(int64_t layer, const std::string& name) {
    return model_.weights.at(fmt::format("layers.{}.{}.weight", layer, name));
  }
  at::Tensor columns(int64_t layer, int64_t part, int64_t head);
  at::Tensor normal(at::IntArrayRef sizes, const std::string& stream) const {
    return at::randn(sizes, seed_.derive(stream).generator());
  }
  at::Tensor spare_rows(int64_t n, const std::string& stream) const;
  at::Tensor dead_columns(int64_t n, double scale) const;
  double scale_at(const ComponentRef& component, int64_t position) const;
  double update_length(const ComponentRef& component) const;
  void add_noise(at::Tensor matrix, int64_t axis, const std::string& stream) const;

  const CompiledOptions& options_;
  const PlantedRows& rows_;
  Seed seed_;
  TokenTrie trie_;
  Model model_;
  int64_t width_ = 0;  ///< Coordinates that have a code so far.
  Code token_, position_, spare_, sum_;
  std::array<Code, 2> copies_;
  std::vector<Code> codes_;               ///< Of V, then of each U.
  std::vector<HiddenUnit> hidden_units_;  ///< Of the component, if it is an MLP.
  Values place_;                          ///< Number of each hidden unit among all, dead ones included.
  int64_t head_ = 0;                      ///< The head that computes, if the component is attention.
  std::vector<Values> head_columns_;      ///< Per function and value: coordinate of the head.
};

}  // namespace cprobe
