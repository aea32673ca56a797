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

/// Rows of tokens of a golden file. The file pads all rows to one length, `seq`.
struct GoldenBatch {
  TokenTrie trie;
  int64_t n_rows = 0;
  int64_t seq = 0;
  /// [n_tokens] int64: row * seq + position of each token, in the order of trie.row_nodes.
  at::Tensor place;

  /// Values of the tokens in the file's layout, with 0 at padded positions.
  /// @param at_nodes  [n_nodes, n]. @return [n_rows, seq, n].
  at::Tensor padded(const at::Tensor& at_nodes) const;
  /// A copy with 0 at padded positions. @param values  [n_rows, seq, n].
  at::Tensor without_padding(const at::Tensor& values) const;
};

/// Recorded outputs of a reference implementation; doctor.h lists the keys. Every access checks
/// dtype and shape.
class GoldenFile {
 public:
  /// @throws Error (kInput) as SafetensorsFile::open.
  explicit GoldenFile(const std::filesystem::path& path) : file_(SafetensorsFile::open(path)) {}

  /// A float32 tensor (`numbers`) or an int64 tensor (`whole_numbers`).
  /// @param shape  expected sizes; -1 accepts any size but 0.
  /// @throws Error (kInput) naming file and tensor:
  ///   - the tensor is missing, empty, or of another shape or dtype;
  ///   - the tensor holds NaN or infinite values (only `numbers`).
  at::Tensor numbers(const std::string& name, const std::vector<int64_t>& shape) const;
  at::Tensor whole_numbers(const std::string& name, const std::vector<int64_t>& shape) const;

  /// The rows `prefix`input_ids with the lengths `prefix`lengths, for a model with this config.
  /// @throws Error (kInput) as `whole_numbers`, and for tokens, lengths or positions out of range.
  GoldenBatch batch(const std::string& prefix, const ModelConfig& config) const;

  /// An error about one tensor: "<file>: tensor '<name>' <message>".
  Error error(const std::string& name, const std::string& message) const;

 private:
  at::Tensor tensor(const std::string& name, at::ScalarType dtype, const std::vector<int64_t>& shape) const;

  SafetensorsFile file_;
};

}  // namespace cprobe
