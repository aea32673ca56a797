#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace cprobe {

/// A 64-bit hash (XXH3), the same on every machine. Good for identities and for streams of random
/// numbers; no protection against forgery.
/// @param seed  chains hashes: `hash(b, hash(a))` depends on a and on b.
uint64_t hash_bytes(const void* data, size_t n_bytes, uint64_t seed = 0);
inline uint64_t hash(std::string_view text, uint64_t seed = 0) {
  return hash_bytes(text.data(), text.size(), seed);
}

/// The `hash_bytes` of bytes that come in parts.
class HashInParts {
 public:
  HashInParts();
  HashInParts(const HashInParts&) = delete;
  HashInParts& operator=(const HashInParts&) = delete;
  ~HashInParts();

  void add(const void* data, size_t n_bytes);
  uint64_t hash() const;  ///< Of all bytes so far.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `value` as 16 hexadecimal digits.
std::string to_hex(uint64_t value);

}  // namespace cprobe
