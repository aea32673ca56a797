#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cprobe/core/error.h"
#include "cprobe/data/token_trie.h"
#include "cprobe/io/safetensors.h"
#include "cprobe/model/config.h"

namespace cprobe {

/// Rows of tokens of a golden file, padded there to one length `seq`.
struct GoldenBatch {
  TokenTrie trie;
  int64_t n_rows = 0;
  int64_t seq = 0;
  at::Tensor place;  ///< [n_tokens] int64: row * seq + position of each token, in the order of trie.row_nodes.

  /// Values of the tokens in the file's layout, 0 at padded positions.
  /// @param at_nodes [n_nodes, n]. @return [n_rows, seq, n].
  at::Tensor padded(const at::Tensor& at_nodes) const;
  /// A copy with 0 at padded positions. @param values [n_rows, seq, n].
  at::Tensor without_padding(const at::Tensor& values) const;
};

/// Recorded outputs of a reference implementation (doctor.h lists the keys); every access checks dtype and shape.
class GoldenFile {
 public:
  /// @throws Error (kInput) as SafetensorsFile::open.
  static GoldenFile open(const std::filesystem::path& path) { return GoldenFile(SafetensorsFile::open(path)); }

  /// @param shape expected sizes; -1 accepts any.
  /// @throws Error (kInput) naming file and tensor: missing, another shape or dtype, empty; `numbers`: NaN or infinite.
  at::Tensor numbers(const std::string& name, const std::vector<int64_t>& shape) const;        ///< float32.
  at::Tensor whole_numbers(const std::string& name, const std::vector<int64_t>& shape) const;  ///< int64.

  /// The rows `prefix`input_ids with their `prefix`lengths, for a model of these sizes.
  /// @throws Error (kInput) as above, and for tokens, lengths or positions out of range.
  GoldenBatch batch(const std::string& prefix, const ModelConfig& config) const;

  /// An error about one tensor: "<file>: tensor '<name>' <message>".
  Error error(const std::string& name, const std::string& message) const;

 private:
  explicit GoldenFile(SafetensorsFile file) : file_(std::move(file)) {}
  at::Tensor tensor(const std::string& name, at::ScalarType dtype, const std::vector<int64_t>& shape) const;

  SafetensorsFile file_;
};

}  // namespace cprobe
