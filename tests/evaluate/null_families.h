/// Random numbers and families of statistics for tests of inference.
#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <random>
#include <utility>
#include <vector>

#include "cprobe/evaluate/inference.h"

namespace cprobe {

/// For failure messages.
inline void PrintTo(const CountedP& p, std::ostream* out) {  // NOLINT(readability-identifier-naming): gtest's
  *out << p.n_as_strong << " of " << p.n_nulls << " nulls";
}

}  // namespace cprobe

namespace cprobe::testing {

/// The upper 99.9 % limit of a count with probability .05 in 2,000 trials.
inline constexpr int64_t kMostOf2000 = 131;

class RandomNumbers {
 public:
  explicit RandomNumbers(uint64_t seed) : engine_(seed) {}

  double normal() { return normal_(engine_); }
  /// A whole number below n, as a double.
  double below(int64_t n) { return static_cast<double>(std::uniform_int_distribution<int64_t>(0, n - 1)(engine_)); }

 private:
  std::mt19937_64 engine_;
  std::normal_distribution<double> normal_;
};

/// A family of cells. @param draw  gives value b of cell c; b = 0 is the real one.
inline std::vector<BesideNulls> family_of(int64_t n_cells, int64_t n_nulls,
                                          const std::function<double(int64_t c, int64_t b)>& draw) {
  std::vector<BesideNulls> family;
  for (int64_t c = 0; c < n_cells; ++c) {
    BesideNulls cell{.value = draw(c, 0)};
    for (int64_t b = 1; b <= n_nulls; ++b) cell.nulls.push_back(draw(c, b));
    family.push_back(cell);
  }
  return family;
}

/// The family with the real value and null b exchanged in all cells.
inline std::vector<BesideNulls> with_real(std::vector<BesideNulls> family, size_t b) {
  if (b == 0) return family;
  for (BesideNulls& cell : family) std::swap(cell.value, cell.nulls[b - 1]);
  return family;
}

}  // namespace cprobe::testing
