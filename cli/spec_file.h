#pragma once

#include <filesystem>
#include <optional>

#include "cprobe/spec/spec.h"

namespace cprobe {

/// Reads a spec, with its text for the run's record, and says on stderr which keys of a flat config mean nothing.
/// @param method in place of the spec's own. @throws Error (kInput) as parse_spec.
Spec read_spec_file(const std::filesystem::path& path, std::optional<MaskKind> method = {});

}  // namespace cprobe
