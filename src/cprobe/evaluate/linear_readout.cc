#include "cprobe/evaluate/linear_readout.h"

#include <algorithm>

#include "cprobe/core/interrupt.h"
#include "cprobe/core/seed.h"
#include "cprobe/model/gemm.h"

namespace cprobe {
namespace {

constexpr int64_t kFolds = 10;
constexpr double kRidge = 0.01;  // Of the mean eigenvalue.

/// The outputs of all variables, side by side.
struct Outputs {
  std::vector<at::Tensor> classes;  ///< Per variable: its values in the training rows, ascending.
  std::vector<int64_t> first;       ///< Per variable, and behind the last: number of its first output.
  std::vector<at::Tensor> of_rows;  ///< Per variable, [n_train] int64: number of each row's output.

  explicit Outputs(const std::vector<ReadVariable>& variables) : first({0}) {
    for (const ReadVariable& variable : variables) {
      const auto [values, of_row, unused] = at::_unique2(variable.train_labels, true, true);
      classes.push_back(values);
      of_rows.push_back(of_row + first.back());
      first.push_back(first.back() + values.size(0));
    }
  }
  int64_t n() const { return first.back(); }
};

/// Ridge regression of all outputs.
struct Readout {
  at::Tensor mean;     ///< [d] float32, of the vectors.
  at::Tensor outputs;  ///< [n_outputs] float32: their means.
  at::Tensor weights;  ///< [d, n_outputs] float32.

  /// @param vectors  [n_vectors, d] float32. @param place  [n] int64: the vector of each row.
  /// @param rows     [m] int64: the rows to fit to.
  Readout(const at::Tensor& vectors, const at::Tensor& place, const Outputs& targets, const at::Tensor& rows) {
    const at::Tensor vector_of = place.index_select(0, rows);
    const auto n = static_cast<double>(rows.size(0));
    // How often each vector stands in these rows, and with which outputs.
    const at::Tensor ones = at::ones({rows.size(0)});
    const at::Tensor counts = at::zeros({vectors.size(0)}).index_add_(0, vector_of, ones);
    at::Tensor sums = at::zeros({vectors.size(0) * targets.n()});
    for (const at::Tensor& of_rows : targets.of_rows) {
      sums.index_add_(0, vector_of * targets.n() + of_rows.index_select(0, rows), ones);
    }
    sums = sums.view({vectors.size(0), targets.n()});
    mean = (vectors * counts.unsqueeze(1)).sum(0, false, at::kDouble).div(n).to(at::kFloat);
    outputs = sums.sum(0, false, at::kDouble).div(n).to(at::kFloat);
    const at::Tensor root = counts.sqrt().unsqueeze(1);
    const at::Tensor x = (vectors - mean) * root;
    const at::Tensor y = sums / root.clamp_min(1) - outputs * root;  // 0 for a vector that does not stand
    const double ridge = kRidge * x.square().sum(at::kDouble).item<double>() / static_cast<double>(vectors.size(1));
    const auto solve = [&](const at::Tensor& gram, const at::Tensor& right) {
      at::Tensor ridged = gram.to(at::kDouble);
      ridged.diagonal().add_(std::max(ridge, 1e-12));
      return at::cholesky_solve(right.to(at::kDouble), at::linalg_cholesky(ridged)).to(at::kFloat);
    };
    const bool is_dual = vectors.size(0) < vectors.size(1);
    weights = is_dual ? gemm(x.t(), solve(gemm(x, x.t()), y)) : solve(gemm(x.t(), x), gemm(x.t(), y));
  }
};

at::Tensor places_of(const TypedVectors& rows) {
  return rows.place.defined() ? rows.place : at::arange(rows.types.size(0));
}

}  // namespace

std::vector<AccuracyByType> linear_accuracy_on_other_types(const TypedVectors& train, const TypedVectors& test,
                                                           const std::vector<ReadVariable>& variables) {
  const at::NoGradGuard no_gradients;
  const Outputs targets(variables);
  const at::Tensor of_train = places_of(train), of_test = places_of(test);
  const at::Tensor train_vectors = train.vectors.cpu(), test_vectors = test.vectors.cpu();
  // At random, because values may follow the numbers of types.
  const int64_t n_types = variables.front().values.size(0);
  const at::Tensor fold_of_type =
      at::randperm(n_types, Seed(0).derive("linear read-out").generator(), at::kLong).remainder_(kFolds);
  const at::Tensor train_folds = fold_of_type.index_select(0, train.types),
                   test_folds = fold_of_type.index_select(0, test.types);
  std::vector<at::Tensor> right;
  for (size_t v = 0; v < variables.size(); ++v) right.push_back(at::zeros({test.types.size(0)}, at::kBool));
  for (int64_t fold = 0; fold < kFolds; ++fold) {
    stop_if_interrupted();
    const at::Tensor rows = train_folds.ne(fold).nonzero().squeeze(1);
    const at::Tensor judged = test_folds.eq(fold).nonzero().squeeze(1);
    if (rows.size(0) == 0 || judged.size(0) == 0) continue;
    const Readout readout(train_vectors, of_train, targets, rows);
    const at::Tensor scores = gemm(test_vectors - readout.mean, readout.weights) + readout.outputs;
    const at::Tensor vector_of = of_test.index_select(0, judged);
    for (size_t v = 0; v < variables.size(); ++v) {
      const at::Tensor& classes = targets.classes[v];
      const at::Tensor best = scores.narrow(1, targets.first[v], classes.size(0)).argmax(1).index_select(0, vector_of);
      const at::Tensor wanted = variables[v].values.index_select(0, test.types.index_select(0, judged));
      right[v].index_copy_(0, judged, classes.index_select(0, best).eq(wanted));
    }
  }
  std::vector<AccuracyByType> accuracies;
  for (size_t v = 0; v < variables.size(); ++v) {
    accuracies.push_back(accuracy_by_type(right[v], test.types, variables[v].values));
  }
  return accuracies;
}

}  // namespace cprobe
