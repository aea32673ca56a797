#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "cprobe/io/document_values.h"
#include "cprobe/spec/spec.h"

/// Reads and checks values of spec files, nested and flat.
namespace cprobe {

inline uint64_t as_seed(const Document& value) {
  const int64_t seed = value.as_integer();
  if (seed < 0) throw value.error(fmt::format("a seed must not be negative, found {}", seed));
  return static_cast<uint64_t>(seed);
}

/// A seed of protocol paper. Must be below 2^32, because numpy's generator gets it too.
inline uint64_t as_data_seed(const Document& value) {
  const uint64_t seed = as_seed(value);
  if (seed > std::numeric_limits<uint32_t>::max()) {
    throw value.error(fmt::format("a data_seed must be below 2^32, as numpy's must, found {}", seed));
  }
  return seed;
}

inline int64_t layer_of(const Document& value) {
  return as_count(value, 0);
}
inline int64_t batch_of(const Document& value) {
  return as_count(value, 2);
}
inline Position index_of(const Document& value) {
  return value.as_integer();
}
inline Block block_of(const Document& value) {
  return choice(value, {Block::kAttention, Block::kMlp});
}

/// Whether a task is over sentences: by the keys that only such a task has.
bool is_over_sentences(const Document& task);

/// Reads a task over sentences: which sentences, what is probed, and what the model should say.
LanguageTask read_language(const Document& task);

/// Reads the form of docs/file_formats.md, "Spec". Parameters and errors as `parse_spec`.
Spec parse_nested_spec(const Document& yaml, std::optional<MaskKind> method);
/// Reads the reference's form, a flat config. Parameters and errors as `parse_spec`; the config's
/// own mask method is continuous sparsification.
Spec parse_flat_spec(const Document& yaml, std::optional<MaskKind> method);

}  // namespace cprobe
