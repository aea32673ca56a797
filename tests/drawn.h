#pragma once

#include <ATen/ATen.h>

#include "cprobe/core/seed.h"

namespace cprobe::testing {

/// Standard normal numbers, the same for the same name.
inline at::Tensor drawn(const char* name, at::IntArrayRef sizes) {
  return at::randn(sizes, Seed(1).derive(name).generator());
}

}  // namespace cprobe::testing
