#include "cprobe/core/hash.h"

#define XXH_INLINE_ALL  // header-only: no library to link
#include <xxhash.h>

namespace cprobe {

uint64_t hash_bytes(const void* data, size_t n_bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(data, n_bytes, seed);
}

struct HashInParts::State {
  XXH3_state_t value;
};

HashInParts::HashInParts() : state_(std::make_unique<State>()) {
  XXH3_64bits_reset(&state_->value);
}

HashInParts::~HashInParts() = default;

void HashInParts::add(const void* data, size_t n_bytes) {
  XXH3_64bits_update(&state_->value, data, n_bytes);
}

uint64_t HashInParts::hash() const {
  return XXH3_64bits_digest(&state_->value);
}

std::string to_hex(uint64_t value) {
  return fmt::format("{:016x}", value);
}

}  // namespace cprobe
