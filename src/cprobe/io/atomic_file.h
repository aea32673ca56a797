#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace cprobe {

/// A file that appears whole or not at all. Bytes go to a temporary file in the same folder;
/// `commit` fsyncs the temporary file, renames it to `path` and fsyncs the folder. Destroying an
/// AtomicFile without `commit` removes the temporary file and leaves `path` as it was.
///
/// A symbolic link at `path` stays, and the file that the link points to is replaced. Anything else
/// at `path` that is no regular file (a folder, a device such as /dev/null) is refused.
class AtomicFile {
 public:
  /// Creates missing parent folders. @throws Error (kFailed) naming the path and the system's
  /// reason.
  explicit AtomicFile(std::filesystem::path path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// Appends bytes. @throws Error (kFailed), also for a full disk.
  void write(const void* data, size_t n_bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }

  /// Puts the file in place. Nothing may be written afterwards. @throws Error (kFailed); `path` is
  /// then as it was.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;  ///< Empty once the file is in place.
  int descriptor_ = -1;
};

/// Removes the temporary files of AtomicFiles from a folder, except those of other living processes
/// of this machine. No AtomicFile of this process may be open in the folder.
void remove_leftovers(const std::filesystem::path& folder);

/// Replaces the file at `path` by `content` in one step. @throws Error as AtomicFile.
void write_file(const std::filesystem::path& path, std::string_view content);

/// The whole file as bytes. @throws Error (kInput) if it cannot be read or is a folder.
std::string read_file(const std::filesystem::path& path);

}  // namespace cprobe
