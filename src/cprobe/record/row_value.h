#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace cprobe {

/// A value in a row of the record. monostate stands for no value (NULL), and for NaN, which SQLite
/// does not have.
using RowValue = std::variant<std::monostate, int64_t, double, std::string>;
using RowValues = std::vector<RowValue>;

}  // namespace cprobe
