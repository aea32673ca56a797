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

/// What the header of a safetensors file says, checked.
struct SafetensorsHeader {
  std::map<std::string, TensorInfo> tensors;
  std::map<std::string, std::string> metadata;
};

/// Reads and checks the header as SafetensorsFile promises.
/// @param bytes        the whole file.
/// @param source_name  the file's name, for messages.
/// @throws Error (kInput) for the first thing that breaks the format.
SafetensorsHeader parse_safetensors_header(std::string_view bytes, const std::string& source_name);

/// The format's name of a dtype ("F32"); nothing for a dtype that we do not write.
std::optional<std::string_view> safetensors_dtype(at::ScalarType dtype);

}  // namespace cprobe
