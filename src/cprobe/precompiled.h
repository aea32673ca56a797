/// Headers that nearly every .cc file needs and that are slow to parse, compiled once for the whole
/// build. <torch/torch.h> is not among them: it would double what every file loads. The few files
/// that need a part of <torch/torch.h> include that part.
#pragma once

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join since fmt 11

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>
