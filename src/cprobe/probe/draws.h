#pragma once

#include <memory>
#include <vector>

#include "cprobe/evaluate/nearest_neighbours.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// Labelled tokens in the order in which they are decoded.
struct DecodingOrder {
  at::Tensor train;  ///< [n] int64 numbers of labelled training tokens.
  at::Tensor test;   ///< [n] int64 numbers of labelled test tokens.
};

/// Draws the orders of a cell's tokens, and its exemplars. Each protocol has its own
/// implementation.
class Draws {
 public:
  virtual ~Draws() = default;

  /// The order for one evaluation by nearest neighbours.
  virtual DecodingOrder decoding_order() = 0;
  /// Draws exemplars from decoded training tokens.
  /// @param labels  [n] int64 labels of the tokens, in decoding order.
  /// @return        one list per repetition: rows of `labels`, one per class, classes ascending.
  virtual std::vector<std::vector<int64_t>> exemplars(const at::Tensor& labels) = 0;
  /// A shuffled order of the training tokens, [n_train] int64: for one epoch, or for the training
  /// loss at the end.
  virtual at::Tensor training_order() = 0;
  /// The order of the test tokens for the test loss, [n_test] int64.
  virtual at::Tensor test_order() = 0;
};

/// The draws of Protocol::kDefault.
/// @param n_train, n_test   numbers of labelled tokens.
/// @param n_exemplar_draws  number of lists that `exemplars` returns.
std::unique_ptr<Draws> named_draws(Seed seed, int64_t n_train, int64_t n_test, int64_t n_exemplar_draws);

/// The draws of a cell's protocol. Those of kPaper must be asked for in the order of the
/// reference's passes, as `probe_component` does.
/// @param n_train, n_test  numbers of labelled tokens.
std::unique_ptr<Draws> make_draws(const ProbeSpec& spec, const Cell& cell, int64_t n_train, int64_t n_test);

}  // namespace cprobe
