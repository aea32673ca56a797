#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/experiment/spec.h"
#include "cprobe/io/document_values.h"

/// Values of spec files, checked: what the nested and the flat form share.
namespace cprobe {

/// The enumerator whose text form the value is.
template <typename Enum>
Enum choice(const Document& value, std::initializer_list<Enum> options) {
  const std::string text = value.as_text();
  std::vector<std::string_view> names;
  for (const Enum option : options) {
    if (to_string(option) == text) return option;
    names.push_back(to_string(option));
  }
  throw value.error(fmt::format("'{}' is not one of {}", text, fmt::join(names, ", ")));
}

inline uint64_t as_seed(const Document& value) {
  const int64_t seed = value.as_integer();
  if (seed < 0) throw value.error(fmt::format("a seed must not be negative, found {}", seed));
  return static_cast<uint64_t>(seed);
}

/// A seed of protocol paper: numpy's generator, which it also seeds, takes 32 bits.
inline uint64_t as_data_seed(const Document& value) {
  const uint64_t seed = as_seed(value);
  if (seed > std::numeric_limits<uint32_t>::max()) {
    throw value.error(fmt::format("a data_seed must be below 2^32, as numpy's must, found {}", seed));
  }
  return seed;
}

inline std::string text_of(const Document& value) {
  return value.as_text();
}
inline int64_t integer_of(const Document& value) {
  return value.as_integer();
}
inline double number_of(const Document& value) {
  return value.as_number();
}
inline int64_t layer_of(const Document& value) {
  return as_count(value, 0);
}
inline int64_t batch_of(const Document& value) {
  return as_count(value, 2);
}
inline Block block_of(const Document& value) {
  return choice(value, {Block::kAttention, Block::kMlp});
}
inline MaskUnit unit_of(const Document& value) {
  return choice(value, {MaskUnit::kNeuron, MaskUnit::kWeight});
}
inline Fill fill_of(const Document& value) {
  return choice(value, {Fill::kZero, Fill::kMean, Fill::kResample});
}

Spec parse_nested_spec(const Document& yaml);  ///< docs/file_formats.md, "Spec".
Spec parse_flat_spec(const Document& yaml);    ///< The reference's own form.

}  // namespace cprobe
