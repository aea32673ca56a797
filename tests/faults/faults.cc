/// Faults for a program under test. Loaded before the C library (LD_PRELOAD) of the program, and
/// set by environment variables:
///
/// KILL_AT=<part of a path>:<n>  Kills the program (SIGKILL) in the middle of the n-th write to a
///                               file whose path contains the part, or, if the part ends with `$`,
///                               ends with what stands before `$`. Half of the write is done.
/// CLOCK_BACKWARDS=1             Makes the time of day run backwards, an hour per call.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <string>

namespace {

template <typename Function>
Function* next_function(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

std::string path_of(int descriptor) {
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t n = readlink(link.c_str(), path.data(), path.size() - 1);
  return n > 0 ? std::string(path.data(), static_cast<size_t>(n)) : "";
}

/// Whether to kill the program in this write. Counts the writes to files that KILL_AT names.
bool is_fatal(int descriptor) {
  static const char* at = std::getenv("KILL_AT");
  static std::atomic<int> n_writes = 0;
  if (at == nullptr) return false;
  const std::string where = at;
  const size_t colon = where.rfind(':');
  const std::string path = path_of(descriptor);
  const std::string part = where.substr(0, colon);
  const bool is_end = part.ends_with('$');
  const bool is_meant = is_end ? path.ends_with(part.substr(0, part.size() - 1)) : path.find(part) != std::string::npos;
  return is_meant && ++n_writes == std::stoi(where.substr(colon + 1));
}

time_t backwards() {
  static std::atomic<time_t> now = 1'700'000'000;
  return now -= 3600;
}

bool is_backwards() {
  return std::getenv("CLOCK_BACKWARDS") != nullptr;
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* data, size_t n_bytes) {
  static auto* next = next_function<ssize_t(int, const void*, size_t)>("write");
  if (is_fatal(descriptor)) {
    next(descriptor, data, n_bytes / 2);
    kill(getpid(), SIGKILL);
  }
  return next(descriptor, data, n_bytes);
}

ssize_t pwrite64(int descriptor, const void* data, size_t n_bytes, off64_t offset) {
  static auto* next = next_function<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  if (is_fatal(descriptor)) {
    next(descriptor, data, n_bytes / 2, offset);
    kill(getpid(), SIGKILL);
  }
  return next(descriptor, data, n_bytes, offset);
}

time_t time(time_t* result) {
  static auto* next = next_function<time_t(time_t*)>("time");
  if (!is_backwards()) return next(result);
  const time_t now = backwards();
  if (result != nullptr) *result = now;
  return now;
}

int clock_gettime(clockid_t clock, struct timespec* result) {
  static auto* next = next_function<int(clockid_t, struct timespec*)>("clock_gettime");
  const int code = next(clock, result);
  if (clock == CLOCK_REALTIME && is_backwards()) result->tv_sec = backwards();
  return code;
}

}  // extern "C"
