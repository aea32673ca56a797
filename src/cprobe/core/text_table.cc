#include "cprobe/core/text_table.h"

#include <algorithm>

namespace cprobe {
namespace {

size_t width(const std::string& text) {
  const auto begins_a_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<size_t>(std::ranges::count_if(text, begins_a_character));
}

}  // namespace

std::string text_table(const std::vector<std::vector<std::string>>& lines) {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  }
  std::string text;
  for (const std::vector<std::string>& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      text += line[i];
      text += i + 1 < line.size() ? std::string(widths[i] - width(line[i]) + 2, ' ') : "\n";
    }
  }
  return text;
}

}  // namespace cprobe
