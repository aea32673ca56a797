#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace cprobe {

/// A value of a row of the record. monostate: there is none (NULL); NaN is none too, as SQLite knows no NaN.
using RowValue = std::variant<std::monostate, int64_t, double, std::string>;
using RowValues = std::vector<RowValue>;

}  // namespace cprobe
