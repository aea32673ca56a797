#pragma once

#include <torch/types.h>

#include <cstdint>

namespace cprobe {

/// The code of a feature in the residual stream of a compiled model. Value v has `gain` at
/// coordinate begin + 2 v and -gain at the coordinate after it, and 0 elsewhere: all values have
/// mean 0 and the same length, and are orthogonal.
struct Code {
  int64_t begin = 0;
  int64_t n_values = 0;
  double gain = 1;

  int64_t end() const { return begin + 2 * n_values; }  ///< The coordinate after the last.
};

/// Adds a value's code to a vector. @param row  [d_model] float32.
void add_code(at::Tensor row, const Code& code, int64_t value, double factor = 1);

/// Adds weights to an input column so that its product with the normed stream grows by `factor` if
/// the stream has the value, and by 0 if the stream has another value or none.
/// @param column  [d_model] float32.
/// @param scale   what layer norm multiplies the stream by.
void add_reader(at::Tensor column, const Code& code, int64_t value, double scale, double factor = 1);

/// The codes of all values: [n_values, d_model] float32.
at::Tensor code_matrix(const Code& code, int64_t d_model);

}  // namespace cprobe
