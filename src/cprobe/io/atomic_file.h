#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace cprobe {

/// A file that appears whole or not at all: bytes go to a temporary file in the same folder; `commit` fsyncs it,
/// renames it over `path` and fsyncs the folder. Destroyed without commit, it removes the temporary file and leaves
/// `path` as it was.
///
/// A symbolic link at `path` stays, and the file that it points to is replaced. Whatever else stands there (a folder, a
/// device such as /dev/null) is refused.
class AtomicFile {
 public:
  /// Creates the parent folders where needed. @throws Error (kFailed) naming the path and the system's reason.
  explicit AtomicFile(std::filesystem::path path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// Appends bytes. @throws Error (kFailed), a full disk included.
  void write(const void* data, size_t n_bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }

  /// Puts the file in place; nothing may be written after it. @throws Error (kFailed); `path` is then as it was.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;  ///< Empty once the file is in place.
  int descriptor_ = -1;
};

/// Removes what AtomicFiles of killed processes left in a folder: all but those of other processes that live on
/// this machine.
void remove_leftovers(const std::filesystem::path& folder);

/// Replaces the file at `path` by `content` in one step (see AtomicFile).
void write_file(const std::filesystem::path& path, std::string_view content);

/// The whole file as bytes. @throws Error (kInput) if it cannot be read or is a folder.
std::string read_file(const std::filesystem::path& path);

}  // namespace cprobe
