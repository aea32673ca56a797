#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "cprobe/data/dataset.h"
#include "cprobe/data/token_trie.h"
#include "cprobe/model/model.h"
#include "cprobe/training/trainer.h"
#include "cprobe/training/training_state.h"

namespace torch::optim {
class AdamW;
}

namespace cprobe {

/// The rows of a dataset as training reads them. Equal rows end at one node, which is computed
/// once. Refers to the dataset's trie.
struct TrainingRows {
  const TokenTrie& trie;
  DistinctNodes last;  ///< The rows' last nodes; `place` has one entry per row.
  at::Tensor answers;  ///< [n_rows] int64.

  explicit TrainingRows(const Dataset& data);
};

/// Next-token logits, one row per distinct last node of `rows`: [n, vocab] float32, differentiable
/// in the weights.
at::Tensor answer_logits(const Model& model, const TrainingRows& rows);

/// A point of the curve. @param train_logits  logits of the training rows, which a step needs too.
CurvePoint curve_point(const Model& model, int64_t step, const at::Tensor& train_logits, const TrainingRows& train,
                       const TrainingRows& test);

/// A model that owns its weights, with their optimiser. Takes the steps of `train` and
/// `train_in_memory`.
class Learner {
 public:
  /// @param state    weights (copied as float32) and, unless fresh, moments of the optimiser.
  /// @param options  checked by the caller.
  Learner(const ModelConfig& config, const TrainingState& state, const TrainOptions& options);
  ~Learner();
  Learner(const Learner&) = delete;
  Learner& operator=(const Learner&) = delete;

  const Model& model() const { return model_; }

  /// Takes one optimiser step on all rows.
  /// @param logits  of the rows. @param step  number of steps done before.
  /// @return the loss before the step.
  /// @throws Error (kFailed) if the loss is not finite.
  double descend(const at::Tensor& logits, const TrainingRows& rows, int64_t step);

  /// Takes one optimiser step on any loss.
  /// @param loss  scalar, differentiable in the weights of `model`. @param step  as above.
  /// @return the loss before the step.
  /// @throws Error (kFailed) if the loss is not finite.
  double descend(const at::Tensor& loss, int64_t step);

  /// Everything that training needs to go on. The weights share storage with the learner's.
  TrainingState state(int64_t step, const std::vector<CurvePoint>& curve) const;

  /// A copy of the model, with weights that training no longer changes.
  Model snapshot() const;

 private:
  TrainOptions options_;
  Model model_;
  std::unique_ptr<torch::optim::AdamW> optimiser_;
};

}  // namespace cprobe
