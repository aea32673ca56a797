#pragma once

#include <memory>
#include <vector>

#include "cprobe/evaluate/nearest_neighbours.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// Tokens of a data set in the order in which they are decoded.
struct DecodingOrder {
  at::Tensor train;  ///< [n] int64 labelled tokens.
  at::Tensor test;
};

/// Order and exemplars of a cell: where the draws of the two protocols differ.
class Draws {
 public:
  virtual ~Draws() = default;

  /// Before each evaluation by nearest neighbours.
  virtual DecodingOrder decoding_order() = 0;
  /// Exemplars among decoded training tokens: rows of `labels`, in ascending order of class, one list per repetition.
  virtual std::vector<std::vector<int64_t>> exemplars(const at::Tensor& labels) = 0;
  /// Order of one pass over the training tokens, shuffled: for an epoch, and for the training loss at the end.
  virtual at::Tensor training_order() = 0;
  /// Order of the pass over the test tokens for the test loss.
  virtual at::Tensor test_order() = 0;
};

/// Those of Protocol::kDefault. @param n_train, n_test labelled tokens.
std::unique_ptr<Draws> named_draws(Seed seed, int64_t n_train, int64_t n_test, int64_t n_exemplar_draws);

/// @param n_train, n_test labelled tokens. kPaper must be asked in the reference's order of passes (probe_cell's).
std::unique_ptr<Draws> make_draws(const ProbeSpec& spec, const Cell& cell, int64_t n_train, int64_t n_test);

}  // namespace cprobe
