#pragma once

#include <string_view>
#include <vector>

#include "cprobe/circuit/mask.h"
#include "cprobe/io/document.h"

namespace cprobe {

/// The mask method that a value of a spec names.
/// @throws Error (kInput) with file, line and column if no method has this name.
MaskKind mask_kind_of(const Document& value);

/// The given keys of a map of a spec, followed by the option keys of all mask methods.
std::vector<std::string_view> and_mask_options(std::vector<std::string_view> keys);

/// Reads the option of mask method `kind` from a map of a spec.
/// @param written  the method that the map itself names. If another than `kind`, the option of
///                 `written` may be in the map: checked, but unused.
/// @return         the option's values; empty if the option is not given.
/// @throws Error (kInput) with file, line and column for
///   - a value that is out of range or comes twice, or an empty list;
///   - the option of a method other than `kind` and `written`.
std::vector<double> read_mask_options(const Document& map, MaskKind kind, MaskKind written);

}  // namespace cprobe
