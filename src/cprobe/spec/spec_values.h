#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "cprobe/io/document_values.h"
#include "cprobe/spec/spec.h"

/// Values of spec files, checked: what the nested and the flat form share.
namespace cprobe {

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
inline void set_method(Spec& spec, MaskKind method) {
  spec.probe.mask_method = method;
  spec.grid.mask_options = {mask_option(method).otherwise};
}
inline Fill fill_of(const Document& value) {
  return choice(value, kFills);
}

/// docs/file_formats.md, "Spec". @param method in place of the spec's own.
Spec parse_nested_spec(const Document& yaml, std::optional<MaskKind> method);
/// The reference's own form. @param method in place of its continuous sparsification.
Spec parse_flat_spec(const Document& yaml, std::optional<MaskKind> method);

}  // namespace cprobe
