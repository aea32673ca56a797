#include "cprobe/core/memory.h"

#include <malloc.h>

#include <algorithm>
#include <fstream>
#include <limits>

namespace cprobe {
namespace {

/// The value in a line such as "VmHWM:   123 kB" of a file of /proc, in bytes; none without such a
/// line.
std::optional<int64_t> system_bytes(const char* path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) return std::stoll(line.substr(name.size())) * 1024;
  }
  return std::nullopt;
}

/// Bytes that the process's control group (a container, a Slurm job) still allows; none without a
/// limit. Knows version 2 of control groups.
std::optional<int64_t> left_in_control_group() {
  std::ifstream groups("/proc/self/cgroup");
  constexpr std::string_view kVersion2 = "0::";
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with(kVersion2)) continue;
    const std::string folder = "/sys/fs/cgroup" + line.substr(kVersion2.size());
    int64_t most = 0, now = 0;
    std::ifstream limit(folder + "/memory.max"), current(folder + "/memory.current");
    // Reading a number fails on "max", which means no limit.
    if (!(limit >> most && current >> now)) continue;
    std::ifstream parts(folder + "/memory.stat");
    for (std::string part; std::getline(parts, part);) {
      // Pages of files, such as a mapped checkpoint, make room when memory is short.
      for (const std::string_view cached : {"inactive_file ", "active_file "}) {
        if (part.starts_with(cached)) now -= std::stoll(part.substr(cached.size()));
      }
    }
    return std::max<int64_t>(0, most - now);
  }
  return std::nullopt;
}

}  // namespace

void keep_freed_memory() {
  constexpr int kLargestOnHeap = 32 << 20;  // the most that glibc takes
  mallopt(M_MMAP_THRESHOLD, kLargestOnHeap);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

int64_t peak_memory() {
  // Not getrusage, which counts what the parent held when it started this process.
  return system_bytes("/proc/self/status", "VmHWM:").value_or(0);
}

int64_t mapped_memory() {
  return system_bytes("/proc/self/status", "RssFile:").value_or(0);
}

int64_t available_memory() {
  constexpr int64_t kUnknown = 1'000'000'000'000'000;
  const int64_t of_machine = system_bytes("/proc/meminfo", "MemAvailable:").value_or(kUnknown);
  const int64_t of_system = std::min(of_machine, left_in_control_group().value_or(kUnknown));
  return of_system == kUnknown ? kUnknown : of_system + static_cast<int64_t>(mallinfo2().fordblks);
}

std::string format_bytes(int64_t bytes) {
  const auto number = static_cast<double>(bytes);
  if (bytes < 1'000) return fmt::format("{} B", bytes);
  if (bytes < 1'000'000) return fmt::format("{:.0f} kB", number / 1e3);
  if (bytes < 1'000'000'000) return fmt::format("{:.0f} MB", number / 1e6);
  return fmt::format("{:.2f} GB", number / 1e9);
}

}  // namespace cprobe
