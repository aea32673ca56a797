#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cprobe/io/file_identity.h"

namespace cprobe {

/// Where one tensor of a safetensors file lies.
struct TensorInfo {
  at::ScalarType dtype = at::ScalarType::Undefined;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  ///< First byte, counted from the start of the file.
  uint64_t n_bytes = 0;
};

/// A read-only, memory-mapped safetensors file (https://github.com/huggingface/safetensors,
/// "Format").
///
/// Reads F64, F32, F16, BF16, I64, I32, U8 and BOOL. `open` checks the whole header before anything
/// is used:
///   - length: at most 100 MB, and inside the file;
///   - JSON without duplicate names;
///   - known dtypes;
///   - shapes: not negative, at most 64 dimensions, a byte count that does not overflow and equals
///     that of the offsets;
///   - offsets: cover the data part without overlaps or holes.
///
/// Copies share the mapping, and tensors that `tensor` returns keep the mapping alive. If another
/// process shortens the file meanwhile, this process dies (SIGBUS), as with any mapped file.
/// Replacing the file by rename, as write_safetensors does, is safe.
class SafetensorsFile {
 public:
  /// @throws Error (kInput) if the file cannot be opened or breaks the format: names the file, the
  ///         tensor, what was expected and found, and the likely cause (a truncated download, for
  ///         instance).
  static SafetensorsFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const;
  const FileIdentity& identity() const;                      ///< Of the open file.
  int64_t opened_at() const;                                 ///< When `identity` was asked for, as `nanoseconds_now`.
  const std::map<std::string, TensorInfo>& tensors() const;  ///< By name, ascending.
  /// The `__metadata__` entry, or empty.
  const std::map<std::string, std::string>& metadata() const;
  bool contains(const std::string& name) const;

  /// The tensor in the file's dtype: a view of the mapping if its data is aligned, else a copy.
  /// Writing to a view ends the process.
  /// @throws Error (kInput) if there is no such tensor (names the nearest one), or a BOOL holds a
  ///         byte other than 0 and 1.
  at::Tensor tensor(const std::string& name) const;

 private:
  struct Mapping;
  std::shared_ptr<const Mapping> mapping_;
};

/// The tensors of a model folder, from `model.safetensors` or from the shards that
/// `model.safetensors.index.json` names. If a folder has both files, the first counts, as in
/// `transformers`.
class TensorFolder {
 public:
  /// Opens every file and checks its header; reads no data.
  /// @throws Error (kInput) if the folder has neither file, a shard is missing, outside the folder
  ///         or damaged, or the index names a tensor that its shard does not hold.
  static TensorFolder open(const std::filesystem::path& folder);

  std::vector<std::string> names() const;  ///< Ascending.
  bool contains(const std::string& name) const;
  /// @throws Error (kInput) if there is no such tensor.
  const TensorInfo& info(const std::string& name) const;
  at::Tensor tensor(const std::string& name) const;  ///< As SafetensorsFile::tensor.
  const std::vector<SafetensorsFile>& files() const { return files_; }
  /// The file that holds a tensor. @throws Error (kInput) if there is no such tensor.
  const SafetensorsFile& file(const std::string& name) const;
  /// "path/of/shard.safetensors: tensor 'name'", for error messages.
  std::string where(const std::string& name) const;

 private:
  std::filesystem::path folder_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, size_t> file_of_;
};

/// Writes tensors (on any device, contiguous or not) as an AtomicFile, in ascending order of name.
/// The same tensors and metadata always give the same bytes.
/// @throws Error (kInput) for a dtype or layout that the format lacks, or a name that is not UTF-8
///         or is "__metadata__"; (kFailed) if the file cannot be written. An earlier file at `path`
///         then stays as it was.
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// The bytes that `write_safetensors` writes. @throws Error (kInput) as `write_safetensors`.
std::string safetensors_bytes(const std::map<std::string, at::Tensor>& tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace cprobe
