#pragma once

#include <filesystem>

#include "cprobe/model/model.h"

namespace cprobe {

/// Loads a model, with the user's cache of digests. Prints what users should know of its files.
/// @throws Error as `load_model`.
Model loaded_model(const std::filesystem::path& folder);

}  // namespace cprobe
