#pragma once

#include <ATen/core/Generator.h>

#include <cstdint>
#include <string_view>

namespace cprobe {

/// The one source of randomness of a run. Each consumer derives its own stream by name, so that a
/// new consumer never shifts the draws of another:
///
///     at::Generator batches = seed.derive("fit/batches").generator();
class Seed {
 public:
  explicit constexpr Seed(uint64_t value) : value_(value) {}

  uint64_t value() const { return value_; }

  /// The seed of the stream `name`: a 64-bit hash of this seed and the name, the same on every
  /// machine.
  Seed derive(std::string_view name) const;

  /// A new CPU generator (Mersenne twister) at the beginning of this stream. libtorch seeds a
  /// generator with the low 32 bits of `value()`.
  at::Generator generator() const;

 private:
  uint64_t value_;
};

}  // namespace cprobe
