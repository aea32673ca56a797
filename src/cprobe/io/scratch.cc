#include "cprobe/io/scratch.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "cprobe/core/error.h"
#include "cprobe/core/memory.h"

namespace cprobe {
namespace {

/// A file without a name, all of its bytes reserved: a full disk is an error here and not a signal at some later write.
int reserve(const std::filesystem::path& folder, int64_t n_bytes) {
  std::string path = (folder / "scratch.XXXXXX").string();
  const int descriptor = mkostemp(path.data(), O_CLOEXEC);
  if (descriptor < 0) throw failure("{}: cannot make a scratch file: {}", folder.string(), std::strerror(errno));
  unlink(path.c_str());
  const int problem = posix_fallocate(descriptor, 0, n_bytes);
  if (problem == 0) return descriptor;
  close(descriptor);
  throw failure("{}: no room for a scratch file of {}: {}; give the run more memory (--memory) or another folder",
                folder.string(), format_bytes(n_bytes), std::strerror(problem));
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
