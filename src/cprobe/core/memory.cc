#include "cprobe/core/memory.h"

#include <fmt/format.h>

#include <fstream>
#include <optional>
#include <string_view>

namespace cprobe {

namespace {

/// A line "Name:   123 kB" of a file of the system, in bytes; none where it does not tell.
std::optional<int64_t> system_bytes(const char* path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) return std::stoll(line.substr(name.size())) * 1024;
  }
  return std::nullopt;
}

}  // namespace

int64_t peak_memory() {
  // getrusage would count what the parent held when it started this process.
  return system_bytes("/proc/self/status", "VmHWM:").value_or(0);
}

int64_t available_memory() {
  return system_bytes("/proc/meminfo", "MemAvailable:").value_or(int64_t{1'000'000'000'000'000});
}

std::string format_bytes(int64_t bytes) {
  const auto number = static_cast<double>(bytes);
  if (bytes < 1'000) return fmt::format("{} B", bytes);
  if (bytes < 1'000'000) return fmt::format("{:.0f} kB", number / 1e3);
  if (bytes < 1'000'000'000) return fmt::format("{:.0f} MB", number / 1e6);
  return fmt::format("{:.2f} GB", number / 1e9);
}

}  // namespace cprobe
