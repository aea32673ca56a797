#include "cprobe/evaluate/golden_file.h"

#include <algorithm>

#include "cprobe/core/text.h"

namespace cprobe {

at::Tensor GoldenBatch::padded(const at::Tensor& at_nodes) const {
  const at::Tensor nodes = at::tensor(trie.row_nodes, at::kLong);
  const at::Tensor values = at::zeros({n_rows * seq, at_nodes.size(1)}, at_nodes.options());
  values.index_copy_(0, place, at_nodes.index_select(0, nodes));
  return values.view({n_rows, seq, -1});
}

at::Tensor GoldenBatch::without_padding(const at::Tensor& values) const {
  const at::Tensor flat = values.reshape({n_rows * seq, -1});
  return at::zeros_like(flat).index_copy_(0, place, flat.index_select(0, place)).view(values.sizes());
}

Error GoldenFile::error(const std::string& name, const std::string& message) const {
  return input_error("{}: tensor '{}' {}", file_.path().string(), name, message);
}

at::Tensor GoldenFile::tensor(const std::string& name, at::ScalarType dtype, const std::vector<int64_t>& shape) const {
  if (!file_.contains(name)) {
    std::vector<std::string> names;
    for (const auto& [known, info] : file_.tensors()) names.push_back(known);
    throw input_error("{}: no tensor '{}', which golden outputs of this model have; the nearest name is '{}'",
                      file_.path().string(), name, nearest(name, names));
  }
  const TensorInfo& info = file_.tensors().at(name);
  const bool same_shape = std::ranges::equal(
      info.shape, shape, [](int64_t found, int64_t wanted) { return found > 0 && (wanted < 0 || found == wanted); });
  if (info.dtype != dtype || !same_shape) {
    std::vector<std::string> wanted;
    wanted.reserve(shape.size());
    for (const int64_t size : shape) wanted.push_back(size < 0 ? "any" : std::to_string(size));
    throw error(name,
                fmt::format("is {} [{}], expected {} [{}]; is the file of another model?", at::toString(info.dtype),
                            fmt::join(info.shape, ", "), at::toString(dtype), fmt::join(wanted, ", ")));
  }
  return file_.tensor(name);
}

at::Tensor GoldenFile::numbers(const std::string& name, const std::vector<int64_t>& shape) const {
  at::Tensor values = tensor(name, at::kFloat, shape);
  if (!at::isfinite(values).all().item<bool>()) throw error(name, "holds NaN or infinite values");
  return values;
}

at::Tensor GoldenFile::whole_numbers(const std::string& name, const std::vector<int64_t>& shape) const {
  return tensor(name, at::kLong, shape);
}

GoldenBatch GoldenFile::batch(const std::string& prefix, const ModelConfig& config) const {
  const std::string ids_name = prefix + "input_ids";
  const std::string lengths_name = prefix + "lengths";
  const at::Tensor ids = whole_numbers(ids_name, {-1, -1}).contiguous();
  GoldenBatch batch{.n_rows = ids.size(0), .seq = ids.size(1)};
  const at::Tensor lengths = whole_numbers(lengths_name, {batch.n_rows}).contiguous();
  const int64_t longest = std::min(batch.seq, config.max_row());
  std::vector<std::vector<int64_t>> rows;
  std::vector<int64_t> places;
  for (int64_t r = 0; r < batch.n_rows; ++r) {
    const int64_t length = lengths.data_ptr<int64_t>()[r];
    if (length < 1 || length > longest) {
      throw error(lengths_name, fmt::format("holds {} for row {}; rows have {} tokens and the model {} positions",
                                            length, r, batch.seq, config.max_row()));
    }
    const int64_t* tokens = ids.data_ptr<int64_t>() + r * batch.seq;
    rows.emplace_back(tokens, tokens + length);
    for (int64_t t = 0; t < length; ++t) places.push_back(r * batch.seq + t);
    const auto outside = std::ranges::find_if(rows.back(), [&](int64_t id) { return id < 0 || id >= config.vocab; });
    if (outside != rows.back().end()) {
      throw error(ids_name, fmt::format("holds token {} in row {}; the model's vocabulary has {} tokens", *outside, r,
                                        config.vocab));
    }
  }
  batch.trie = build_trie(rows);
  batch.place = at::tensor(places, at::kLong);
  return batch;
}

}  // namespace cprobe
