#include "cprobe/core/seed.h"

#include <ATen/CPUGeneratorImpl.h>

#include "cprobe/core/hash.h"

namespace cprobe {

Seed Seed::derive(std::string_view name) const {
  return Seed(hash(name, value_));
}

at::Generator Seed::generator() const {
  return at::detail::createCPUGenerator(value_);
}

}  // namespace cprobe
