#pragma once

#include <string>
#include <vector>

namespace cprobe {

/// Lines of fields as a table: columns aligned, two spaces between columns. A UTF-8 sequence counts
/// as one column of text.
std::string text_table(const std::vector<std::vector<std::string>>& lines);

}  // namespace cprobe
