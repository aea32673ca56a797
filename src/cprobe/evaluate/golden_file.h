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

/// Rows of tokens of a golden file (see GoldenFile). The file pads all rows to the length `seq`.
struct GoldenBatch {
  TokenTrie trie;
  int64_t n_rows = 0;
  int64_t seq = 0;
  /// [n_tokens] int64: row * seq + position of each token, in the order of trie.row_nodes.
  at::Tensor place;

  /// Brings values of trie nodes into the file's layout, with 0 at padded positions.
  /// @param at_nodes  [n_nodes, n]. @return [n_rows, seq, n].
  at::Tensor padded(const at::Tensor& at_nodes) const;
  /// A copy of `values` with 0 at padded positions. @param values  [n_rows, seq, n].
  at::Tensor without_padding(const at::Tensor& values) const;
};

/// A golden file: recorded outputs of a reference implementation, which the outputs of this library
/// are compared with. The comment on `compare_with_golden` (doctor.h) lists the file's tensors.
/// Every access checks dtype and shape.
class GoldenFile {
 public:
  /// @throws Error (kInput) as SafetensorsFile::open.
  explicit GoldenFile(const std::filesystem::path& path) : file_(SafetensorsFile::open(path)) {}

  /// Reads a float32 tensor (`numbers`) or an int64 tensor (`whole_numbers`).
  /// @param shape  expected sizes. -1 accepts any size but 0.
  /// @throws Error (kInput), naming file and tensor, if the tensor
  ///   - is missing;
  ///   - is empty, or has another shape or dtype;
  ///   - holds NaN or infinite values (`numbers` only).
  at::Tensor numbers(const std::string& name, const std::vector<int64_t>& shape) const;
  at::Tensor whole_numbers(const std::string& name, const std::vector<int64_t>& shape) const;

  /// Reads rows of tokens from the tensors "<prefix>input_ids" and "<prefix>lengths", for a model
  /// with this config.
  /// @throws Error (kInput)
  ///   - as `whole_numbers`;
  ///   - if a token is outside the model's vocabulary;
  ///   - if a length is not from 1 to min(seq, the model's number of positions).
  GoldenBatch batch(const std::string& prefix, const ModelConfig& config) const;

  /// An error about one tensor: "<file>: tensor '<name>' <message>".
  Error error(const std::string& name, const std::string& message) const;

 private:
  at::Tensor tensor(const std::string& name, at::ScalarType dtype, const std::vector<int64_t>& shape) const;

  SafetensorsFile file_;
};

}  // namespace cprobe
