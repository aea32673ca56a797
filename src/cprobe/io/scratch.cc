#include "cprobe/io/scratch.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cprobe/core/error.h"
#include "cprobe/core/memory.h"

namespace cprobe {
namespace {

/// Makes a file without a name and reserves all of its bytes, so that a full disk is an error here
/// and not a signal at a later write.
int reserve(const std::filesystem::path& folder, int64_t n_bytes) {
  const auto no_room = [&](const std::string& why) {
    return failure("{}: no room for a scratch file of {}: {}; allow more memory, or take another folder",
                   folder.string(), format_bytes(n_bytes), why);
  };
  std::error_code unknown;
  const std::filesystem::space_info space = std::filesystem::space(folder, unknown);
  if (!unknown && space.available < static_cast<uintmax_t>(n_bytes)) {
    throw no_room(fmt::format("{} are free", format_bytes(static_cast<int64_t>(space.available))));
  }
  std::string path = (folder / "scratch.XXXXXX").string();
  const int descriptor = mkostemp(path.data(), O_CLOEXEC);
  if (descriptor < 0) throw failure("{}: cannot make a scratch file: {}", folder.string(), std::strerror(errno));
  unlink(path.c_str());
  int problem = EINTR;
  while (problem == EINTR) problem = posix_fallocate(descriptor, 0, n_bytes);
  if (problem == 0) return descriptor;
  close(descriptor);
  throw no_room(std::strerror(problem));
}

}  // namespace

at::Tensor scratch_array(const std::filesystem::path& folder, int64_t n_rows, int64_t n_columns) {
  const int64_t n_bytes = n_rows * n_columns * static_cast<int64_t>(sizeof(float));
  if (n_bytes == 0) return at::empty({n_rows, n_columns});
  const int descriptor = reserve(folder, n_bytes);
  const auto size = static_cast<size_t>(n_bytes);
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  const int problem = errno;
  close(descriptor);
  if (data == MAP_FAILED) throw failure("{}: cannot map a scratch file: {}", folder.string(), std::strerror(problem));
  return at::from_blob(
      data, {n_rows, n_columns}, [size](void* mapped) { munmap(mapped, size); }, at::kFloat);
}

}  // namespace cprobe
