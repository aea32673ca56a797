#pragma once

#include <string_view>
#include <vector>

#include "cprobe/circuit/mask.h"
#include "cprobe/io/document.h"

namespace cprobe {

/// @throws Error (kInput) with file, line and column for anything but a method's name.
MaskKind mask_kind_of(const Document& value);

/// Keys of a map of a spec, and those of all methods' options.
std::vector<std::string_view> and_mask_options(std::vector<std::string_view> keys);

/// The values of a method's option in a map of a spec, each in its range.
/// @param written the method that the map itself names, whose option may stand there unused.
/// @return        empty where the option is not given. @throws Error (kInput) with file, line and column for a value out
///                of range, and for the option of another method.
std::vector<double> read_mask_options(const Document& map, MaskKind kind, MaskKind written);

}  // namespace cprobe
