#include "cprobe/plant/codes.h"

#include <ATen/ATen.h>

namespace cprobe {

void add_code(at::Tensor row, const Code& code, int64_t value, double factor) {
  row[code.begin + 2 * value] += factor * code.gain;
  row[code.begin + 2 * value + 1] -= factor * code.gain;
}

void add_reader(at::Tensor column, const Code& code, int64_t value, double scale, double factor) {
  const double weight = factor / (2 * scale * code.gain);
  column[code.begin + 2 * value] += weight;
  column[code.begin + 2 * value + 1] -= weight;
}

at::Tensor code_matrix(const Code& code, int64_t d_model) {
  at::Tensor codes = at::zeros({code.n_values, d_model});
  for (int64_t value = 0; value < code.n_values; ++value) add_code(codes[value], code, value);
  return codes;
}

}  // namespace cprobe
