#include "cprobe/core/hash.h"

#define XXH_INLINE_ALL  // header-only: no library to link
#include <xxhash.h>

namespace cprobe {

uint64_t hash_bytes(const void* data, size_t n_bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(data, n_bytes, seed);
}

std::string to_hex(uint64_t value) {
  return fmt::format("{:016x}", value);
}

}  // namespace cprobe
