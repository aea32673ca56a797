/// Headers that nearly every .cc file needs and that are slow to parse; compiled once for the whole build. Without
/// <torch/torch.h>, which would double what every file loads, though few need it: those include its parts.
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
