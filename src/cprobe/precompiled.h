/// Headers that nearly every .cc file needs and that are slow to parse; compiled once for the whole build.
#pragma once

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>
