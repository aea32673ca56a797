#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cprobe {

/// Where one tensor of a safetensors file lies.
struct TensorInfo {
  at::ScalarType dtype = at::ScalarType::Undefined;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  ///< First byte, counted from the start of the file.
  uint64_t n_bytes = 0;
};

/// A read-only, memory-mapped safetensors file (https://github.com/huggingface/safetensors, "Format").
///
/// Reads F64, F32, F16, BF16, I64, I32, U8 and BOOL. The header is checked completely before anything is used: length
/// (at most 100 MB and inside the file), JSON, duplicate names, known dtypes, non-negative shapes (at most 64
/// dimensions) whose byte count does not overflow and equals the offsets, and offsets that cover the data part without
/// overlaps or holes. Copies share the mapping; tensors returned by `tensor` keep it alive. Whoever shortens the file
/// meanwhile kills the process (SIGBUS), as with any mapped file; replacing it by rename, as write_safetensors does, is
/// safe.
class SafetensorsFile {
 public:
  /// @throws Error (kInput) if the file cannot be opened or breaks the format: names the file, the tensor, what was
  ///         expected and found, and the likely cause (a truncated download, for instance).
  static SafetensorsFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const;
  const std::map<std::string, TensorInfo>& tensors() const;    ///< By name, ascending.
  const std::map<std::string, std::string>& metadata() const;  ///< The `__metadata__` entry; empty when there is none.
  bool contains(const std::string& name) const;

  /// The tensor in its own dtype. Where the data is aligned it is a view of the mapping (writing to it ends the
  /// process), otherwise a copy.
  /// @throws Error (kInput) if there is no such tensor (names the nearest one), or a BOOL holds a byte other than 0
  /// and 1.
  at::Tensor tensor(const std::string& name) const;

 private:
  struct Mapping;
  std::shared_ptr<const Mapping> mapping_;
};

/// The tensors of a model folder: `model.safetensors`, or the shards named by `model.safetensors.index.json`.
/// Where both are there, the single file counts, as in `transformers`.
class TensorFolder {
 public:
  /// Opens and checks every file of the folder (headers only; no data is read).
  /// @throws Error (kInput) if neither file is there, a shard is missing, outside the folder or damaged, or the index
  ///         names a tensor that its shard does not hold.
  static TensorFolder open(const std::filesystem::path& folder);

  std::vector<std::string> names() const;  ///< Ascending.
  bool contains(const std::string& name) const;
  const TensorInfo& info(const std::string& name) const;  ///< @throws Error (kInput) if there is no such tensor.
  at::Tensor tensor(const std::string& name) const;       ///< As SafetensorsFile::tensor.
  /// "path/of/shard.safetensors: tensor 'name'", for error messages.
  std::string where(const std::string& name) const;

 private:
  /// The file that holds a tensor. @throws Error (kInput) if there is no such tensor.
  const SafetensorsFile& file(const std::string& name) const;

  std::filesystem::path folder_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, size_t> file_of_;
};

/// Writes tensors (any device, made contiguous) in ascending order of name, through a temporary file, fsync and rename.
/// The same tensors and metadata always give the same bytes.
/// @throws Error (kInput) for a dtype or layout that the format lacks or a name that is not UTF-8 or is "__metadata__",
///         (kFailed) if the file cannot be written; an earlier file at `path` is then untouched.
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// The bytes of that file. @throws Error (kInput) likewise.
std::string safetensors_bytes(const std::map<std::string, at::Tensor>& tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace cprobe
