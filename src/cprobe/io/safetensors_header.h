#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cprobe/io/safetensors.h"

namespace cprobe {

/// Bytes in front of the header: its length, little-endian.
constexpr uint64_t kSafetensorsPrefix = 8;

/// The checked header of a safetensors file.
struct SafetensorsHeader {
  std::map<std::string, TensorInfo> tensors;
  std::map<std::string, std::string> metadata;
};

/// Reads the header and makes all checks that SafetensorsFile lists.
/// @param bytes        the whole file.
/// @param source_name  the file's name, for messages.
/// @throws Error (kInput) at the first violation of the format.
SafetensorsHeader parse_safetensors_header(std::string_view bytes, const std::string& source_name);

/// The format's name of a dtype, such as "F32"; nothing if the format has no such dtype.
std::optional<std::string_view> safetensors_dtype(at::ScalarType dtype);

}  // namespace cprobe
