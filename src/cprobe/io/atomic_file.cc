#include "cprobe/io/atomic_file.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "cprobe/core/error.h"

namespace cprobe {
namespace fs = std::filesystem;
namespace {

// The name of a temporary file is prefix, process id, "-", number, suffix.
constexpr std::string_view kPrefix = ".cprobe-";
constexpr std::string_view kSuffix = ".tmp";

std::string reason(int error_number) {
  return std::generic_category().message(error_number);
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

/// Makes a rename in `folder` survive a power cut. File systems that cannot sync a folder order
/// renames themselves.
void sync_folder(const fs::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  fsync(descriptor);
  close(descriptor);
}

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  if (!path_.has_filename()) throw failure("{}: cannot write: not the name of a file", path_.string());
  std::error_code error;
  if (fs::is_symlink(path_, error)) {
    const fs::path target = fs::canonical(path_, error);
    if (!error) path_ = target;
  }
  const fs::file_status status = fs::status(path_, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw failure("{}: cannot write: there is {} of that name", path_.string(),
                  fs::is_directory(status) ? "a folder" : "a device or pipe");
  }
  const fs::path folder = folder_of(path_);
  fs::create_directories(folder, error);
  if (error) throw failure("{}: cannot create the folder {}: {}", path_.string(), folder.string(), error.message());

  // A killed process with the same id may have left a file of this number behind.
  constexpr int kAttempts = 10000;
  for (int attempt = 0; attempt < kAttempts && descriptor_ < 0; ++attempt) {
    temporary_ = folder / fmt::format("{}{}-{}{}", kPrefix, getpid(), attempt, kSuffix);
    descriptor_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno != EEXIST) break;
  }
  if (descriptor_ < 0) {
    throw failure("{}: cannot create a file in {}: {}", path_.string(), folder.string(), reason(errno));
  }
}

void remove_leftovers(const std::filesystem::path& folder) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    const pid_t writer = std::atoi(name.c_str() + kPrefix.size());
    if (writer == getpid() || (kill(writer, 0) != 0 && errno == ESRCH)) std::filesystem::remove(entry.path(), none);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, size_t n_bytes) {
  const char* next = static_cast<const char*>(data);
  while (n_bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, n_bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw failure("{}: cannot write: {}", path_.string(), reason(errno));
    next += written;
    n_bytes -= static_cast<size_t>(written);
  }
}

void AtomicFile::commit() {
  if (fsync(descriptor_) != 0) throw failure("{}: cannot write: {}", path_.string(), reason(errno));
  // Some network file systems report a full disk only here.
  if (close(std::exchange(descriptor_, -1)) != 0) throw failure("{}: cannot write: {}", path_.string(), reason(errno));
  if (rename(temporary_.c_str(), path_.c_str()) != 0) {
    throw failure("{}: cannot put the finished file in place: {}", path_.string(), reason(errno));
  }
  temporary_.clear();
  sync_folder(folder_of(path_));
}

void write_file(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

std::string read_file(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) throw input_error("{}: cannot read: it is a folder", path.string());
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw input_error("{}: cannot read: {}", path.string(), reason(errno));

  std::string content;
  std::array<char, 1 << 16> buffer;
  ssize_t count = 0;
  do {
    count = read(descriptor, buffer.data(), buffer.size());
    if (count > 0) content.append(buffer.data(), static_cast<size_t>(count));
  } while (count > 0 || (count < 0 && errno == EINTR));
  const int error_number = errno;
  close(descriptor);
  if (count < 0) throw input_error("{}: cannot read: {}", path.string(), reason(error_number));
  return content;
}

}  // namespace cprobe
