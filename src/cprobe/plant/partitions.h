#pragma once

#include <cstdint>
#include <vector>

#include "cprobe/core/seed.h"

namespace cprobe {

/// Draws functions that group a domain in different ways.
class Partitions {
 public:
  explicit Partitions(Seed seed) : seed_(seed) {}

  /// A random function from 0..n-1 to 0..n_classes-1, with classes as equal in size as can be, that
  /// groups 0..n-1 in another way than every function drawn or added before it.
  /// @throws Error (kInput) if a hundred draws find none.
  std::vector<int64_t> draw(const std::string& name, int64_t n, int64_t n_classes);

  /// Adds a function that is not to be drawn.
  void add(const std::vector<int64_t>& function);

 private:
  Seed seed_;
  std::vector<std::vector<int64_t>> seen_;  ///< With classes numbered as they appear.
};

/// 0..n-1 in random order.
std::vector<int64_t> shuffled(int64_t n, Seed seed);

}  // namespace cprobe
