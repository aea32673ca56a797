#include "cprobe/io/file_system.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

namespace cprobe {
namespace {

/// A path of the table, where spaces, tabs, line breaks and backslashes are three octal digits.
std::string unescaped(const std::string& text) {
  std::string path;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '\\' && i + 3 < text.size();
    path += is_escape ? static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8)) : text[i];
    if (is_escape) i += 3;
  }
  return path;
}

/// Whether a path is `folder` or below it, by their names.
bool is_within(const std::filesystem::path& path, const std::filesystem::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

}  // namespace

std::string file_system_of(const std::filesystem::path& path) {
  std::error_code problem;
  std::filesystem::path real = std::filesystem::weakly_canonical(std::filesystem::absolute(path, problem), problem);
  if (problem) real = path;
  std::string found, kind;
  std::ifstream table("/proc/self/mounts");
  // fstab(5): device, folder, kind, ... Of several mounts on a folder the last counts.
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string device, folder, type;
    if (!(words >> device >> folder >> type)) continue;
    const std::string mounted = unescaped(folder);
    if (mounted.size() < found.size() || !is_within(real, mounted)) continue;
    found = mounted;
    kind = type;
  }
  return found.empty() ? "its file system" : fmt::format("the {} file system at {}", kind, found);
}

}  // namespace cprobe
