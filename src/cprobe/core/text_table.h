#pragma once

#include <string>
#include <vector>

namespace cprobe {

/// Aligns the columns of lines with equally many fields, two spaces between them. UTF-8 sequences count as one column.
std::string text_table(const std::vector<std::vector<std::string>>& lines);

}  // namespace cprobe
