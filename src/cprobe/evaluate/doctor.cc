#include "cprobe/evaluate/doctor.h"

#include <algorithm>
#include <set>

#include "cprobe/core/error.h"
#include "cprobe/core/seed.h"
#include "cprobe/data/token_trie.h"
#include "cprobe/io/document.h"
#include "cprobe/model/forward.h"
#include "cprobe/model/weight_digest.h"

namespace cprobe {
namespace {

using Rows = std::vector<std::vector<int64_t>>;

/// The index along each axis of entry number `flat` of a tensor: "[2, 0, 17]".
std::string index_text(int64_t flat, at::IntArrayRef sizes) {
  std::vector<int64_t> index(sizes.size());
  for (size_t axis = sizes.size(); axis-- > 0;) {
    index[axis] = flat % sizes[axis];
    flat /= sizes[axis];
  }
  return fmt::format("[{}]", fmt::join(index, ", "));
}

std::set<std::string> finite_weights(const Model& model, const std::vector<WeightInfo>& infos) {
  std::vector<std::string> names;
  std::vector<at::Tensor> tensors;
  for (const WeightInfo& info : infos) {
    const auto found = model.weights.find(info.name);
    if (found == model.weights.end()) continue;
    names.push_back(info.name);
    tensors.push_back(info.transposed ? found->second.t() : found->second);
  }
  const std::vector<WeightDigest> digests = weight_digests(tensors);
  std::set<std::string> finite;
  for (size_t i = 0; i < names.size(); ++i) {
    if (digests[i].is_finite) finite.insert(names[i]);
  }
  return finite;
}

/// What is wrong with a weight; empty if nothing is wrong.
/// @param finite  names of weights whose numbers are all finite.
std::string complaint(const Model& model, const WeightInfo& info, const std::set<std::string>& finite) {
  const auto found = model.weights.find(info.name);
  if (found == model.weights.end()) return info.name + " is missing";
  std::vector<int64_t> shape = info.source_shape;
  if (info.transposed) std::ranges::reverse(shape);
  const at::Tensor& weight = found->second;
  if (weight.sizes() != at::IntArrayRef(shape)) {
    return fmt::format("{} is [{}], expected [{}]", info.name, fmt::join(weight.sizes(), ", "), fmt::join(shape, ", "));
  }
  if (finite.contains(info.name)) return "";
  // Counting takes memory for several copies of the weight.
  const int64_t n_bad = weight.numel() - at::isfinite(weight).sum().item<int64_t>();
  return fmt::format("{} holds {} NaN or infinite values", info.name, n_bad);
}

Check examine_weights(const Model& model) {
  int64_t n_bad = 0;
  int64_t n_numbers = 0;
  std::string first;
  const std::vector<WeightInfo> infos = weights_of(model.config);
  const std::set<std::string> finite = finite_weights(model, infos);
  for (const WeightInfo& info : infos) {
    const std::string problem = complaint(model, info, finite);
    if (problem.empty()) {
      n_numbers += model.weight(info.name).numel();
    } else if (n_bad++ == 0) {
      first = problem;
    }
  }
  return {.what = "weights",
          .difference = static_cast<double>(n_bad),
          .ok = n_bad == 0,
          .detail = n_bad == 0 ? fmt::format("{} tensors, {} numbers, all finite", infos.size(), n_numbers)
                               : fmt::format("{} of {} tensors; first: {}", n_bad, infos.size(), first)};
}

constexpr int64_t kRows = 12;
constexpr int64_t kLongest = 24;  // Tokens. Short rows also show batch effects.

/// Random rows.
///   - The first row is as long as allowed.
///   - The second row is the first half of the first row.
///   - The third row equals the first row.
///   - Every other one of the remaining rows begins with up to half of the first row.
Rows random_rows(const ModelConfig& config, at::Generator generator) {
  const int64_t longest = std::min(config.n_positions, kLongest);
  const at::Tensor tokens = at::randint(config.vocab, {kRows, longest}, generator, at::kLong);
  const at::Tensor lengths = at::randint(1, longest + 1, {kRows}, generator, at::kLong);
  Rows rows;
  for (int64_t r = 0; r < kRows; ++r) {
    const int64_t* begin = tokens.data_ptr<int64_t>() + r * longest;
    rows.emplace_back(begin, begin + (r == 0 ? longest : lengths.data_ptr<int64_t>()[r]));
  }
  const std::vector<int64_t> first = rows[0];
  const auto prefix = [&](size_t n) { return first.begin() + static_cast<ptrdiff_t>(n); };
  rows[1].assign(first.begin(), prefix((first.size() + 1) / 2));
  rows[2] = first;
  for (size_t r = 3; r < rows.size(); r += 2) {
    std::copy(first.begin(), prefix(std::min(rows[r].size(), first.size() / 2)), rows[r].begin());
  }
  return rows;
}

/// The end of the residual stream at every token of every row, row by row: [n_tokens, d_model].
at::Tensor final_states(const Model& model, const Rows& rows) {
  const TokenTrie trie = build_trie(rows);
  const Stream end = run_span(model, trie, embed(model, trie), Site::start(), Site::end(model.config));
  return end.at_nodes(at::tensor(trie.row_nodes, at::kLong));
}

/// The states of `rows`, in the order of `rows`. The model gets the rows in the order `order`.
at::Tensor permuted(const Model& model, const Rows& rows, const at::Tensor& order) {
  Rows shuffled;
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < order.size(0); ++i) {
    shuffled.push_back(rows[static_cast<size_t>(order[i].item<int64_t>())]);
    lengths.push_back(static_cast<int64_t>(shuffled.back().size()));
  }
  const std::vector<at::Tensor> by_row = final_states(model, shuffled).split_with_sizes(lengths);
  std::vector<at::Tensor> restored(by_row.size());
  for (size_t i = 0; i < by_row.size(); ++i) {
    restored[static_cast<size_t>(order[static_cast<int64_t>(i)].item<int64_t>())] = by_row[i];
  }
  return at::cat(restored);
}

/// The distinct token ids of a tokenizer file, ascending.
/// @throws Error (kInput) if the file holds no tokens.
std::vector<int64_t> token_ids(const Document& json, bool is_vocab_json) {
  std::vector<int64_t> ids;
  const Document& vocab = is_vocab_json ? json : json.at("model").at("vocab");
  if (vocab.is_list()) {  // Unigram models: [text, score] pairs, numbered in order.
    for (size_t i = 0; i < vocab.items().size(); ++i) ids.push_back(static_cast<int64_t>(i));
  } else {
    for (const auto& [text, id] : vocab.entries()) ids.push_back(id.as_integer());
  }
  const Document* added = is_vocab_json ? nullptr : json.given("added_tokens");
  if (added != nullptr) {
    for (const Document& token : added->items()) ids.push_back(token.at("id").as_integer());
  }
  // A token may be in the vocabulary and among the added tokens.
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  if (ids.empty()) throw vocab.error("holds no tokens");
  return ids;
}

}  // namespace

Check compare(std::string what, const at::Tensor& ours, const at::Tensor& expected, double tolerance) {
  if (ours.sizes() != expected.sizes() || expected.numel() == 0) {
    throw failure("{}: cannot compare [{}] with [{}]", what, fmt::join(ours.sizes(), ", "),
                  fmt::join(expected.sizes(), ", "));
  }
  const at::Tensor a = ours.detach().to(at::kCPU, at::kDouble).reshape(-1);
  const at::Tensor b = expected.detach().to(at::kCPU, at::kDouble).reshape(-1);
  const at::Tensor distance = (a - b).abs();
  const double scale = b.abs().max().item<double>();
  Check check{.what = std::move(what), .tolerance = tolerance};
  check.difference = distance.max().item<double>() / (scale == 0 ? 1.0 : scale);
  check.ok = check.difference <= tolerance;
  if (!check.ok) {
    const int64_t worst = distance.argmax().item<int64_t>();  // The first NaN, if there is one.
    check.detail = fmt::format("entry {}: {:.7g} here, {:.7g} expected", index_text(worst, expected.sizes()),
                               a[worst].item<double>(), b[worst].item<double>());
  }
  return check;
}

std::vector<Check> examine(const Model& model) {
  std::vector<Check> checks = {examine_weights(model)};
  if (!checks[0].ok) return checks;
  at::NoGradGuard no_gradients;
  const Seed seed = Seed(0).derive("doctor");
  const Rows rows = random_rows(model.config, seed.derive("rows").generator());
  Model settled = model;  // One row at a time rotates as all rows do.
  for (const std::vector<int64_t>& row : rows) {
    settled.config.longest_row = std::max(settled.config.longest_row, static_cast<int64_t>(row.size()));
  }
  const at::Tensor together = final_states(settled, rows);
  const at::Tensor order = at::randperm(kRows, seed.derive("order").generator(), at::kLong);
  checks.push_back(compare("states, rows permuted", permuted(settled, rows, order), together, kBatchTolerance));
  std::vector<at::Tensor> one_at_a_time;
  for (const std::vector<int64_t>& row : rows) one_at_a_time.push_back(final_states(settled, {row}));
  checks.push_back(compare("states, one row at a time", at::cat(one_at_a_time), together, kBatchTolerance));
  return checks;
}

std::vector<Check> examine_tokenizer(const ModelConfig& config, const std::filesystem::path& folder) {
  std::vector<Check> checks;
  for (const std::string name : {"tokenizer.json", "vocab.json"}) {
    if (!std::filesystem::exists(folder / name)) continue;
    const std::vector<int64_t> ids = token_ids(Document::read_json(folder / name), name == "vocab.json");
    const auto n_bad = std::ranges::count_if(ids, [&](int64_t id) { return id < 0 || id >= config.vocab; });
    checks.push_back({.what = name,
                      .difference = static_cast<double>(n_bad),
                      .ok = n_bad == 0,
                      .detail = fmt::format("{} tokens, ids {} to {}; the model embeds ids 0 to {}", ids.size(),
                                            ids.front(), ids.back(), config.vocab - 1)});
  }
  return checks;
}

}  // namespace cprobe
