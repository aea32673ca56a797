#include "cprobe/plant/model_compiler.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cprobe/core/rows.h"
#include "cprobe/model/architecture.h"
#include "cprobe/model/forward.h"
#include "cprobe/plant/partitions.h"
#include "cprobe/plant/planted_rows.h"

namespace cprobe {
namespace {

constexpr int64_t kSparePairs = 16;    // Pairs of coordinates for random updates.
constexpr double kMatchingScore = 30;  // Of a query and its key: attention to all else is below 1e-12.
constexpr double kMargin = 0.5;        // Input of a hidden unit on its operands, and its distance from 0 elsewhere.

int64_t rounded_up(double x) {
  return static_cast<int64_t>(std::ceil(x - 1e-9));
}

}  // namespace

ModelCompiler::ModelCompiler(const CompiledOptions& options, const PlantedRows& rows, Seed seed)
    : options_(options), rows_(rows), seed_(seed), trie_(build_trie(rows.tokens)) {
  list_hidden_units();
  lay_out();
}

Code ModelCompiler::new_code(int64_t n_values, double gain) {
  const Code code{.begin = width_, .n_values = n_values, .gain = gain};
  width_ = code.end();
  return code;
}

void ModelCompiler::list_hidden_units() {
  if (is_attention()) return;
  const int64_t n = rows_.n_domain();
  Values order = shuffled(n, seed_.derive("overlap"));
  const auto n_shared = static_cast<size_t>(std::llround(options_.overlap * static_cast<double>(n)));
  std::vector<bool> is_shared(static_cast<size_t>(n));
  for (size_t i = 0; i < n_shared; ++i) is_shared[static_cast<size_t>(order[i])] = true;
  for (int64_t domain = 0; domain < n; ++domain) {
    const bool shared = is_shared[static_cast<size_t>(domain)];
    for (int64_t copy = 0; copy < options_.redundancy; ++copy) {
      hidden_units_.push_back(
          {.domain = domain, .writes_v = true, .writes_u = shared && copy == 0 ? 1 : 0, .copy = copy});
    }
    for (int64_t u = 1; u <= options_.n_distractors; ++u) {
      if (u > 1 || !shared) hidden_units_.push_back({.domain = domain, .writes_u = u});
    }
  }
}

void ModelCompiler::lay_out() {
  const int64_t p = options_.n_operands, c = options_.n_classes;
  token_ = new_code(vocab());
  position_ = new_code(options_.context + 3);
  for (Code& copy : copies_) copy = new_code(p);
  codes_.push_back(new_code(c, options_.gain * static_cast<double>(options_.redundancy)));
  for (int64_t u = 0; u < options_.n_distractors; ++u) codes_.push_back(new_code(c, options_.distractor_gain));
  sum_ = new_code(options_.answer == PlantedAnswer::kCombined ? c : 0);
  spare_ = new_code(kSparePairs);

  const auto with_dead = [&](int64_t n) { return rounded_up(static_cast<double>(n) / (1 - options_.dead)); };
  const int64_t values = std::max(p, is_attention() ? c * (1 + options_.n_distractors) : 0);
  const int64_t d_head = std::max(rounded_up(static_cast<double>(width_) / kHeads), with_dead(values));
  const int64_t combined = options_.answer == PlantedAnswer::kCombined ? c * c : 0;
  const int64_t hidden = std::max(static_cast<int64_t>(hidden_units_.size()), combined);
  const ModelConfig config{.vocab = vocab(),
                           .n_positions = options_.context + 3,
                           .d_model = kHeads * d_head,
                           .n_layers = options_.n_layers,
                           .n_heads = kHeads,
                           .n_kv_heads = kHeads,
                           .d_head = d_head,
                           .d_mlp = std::max(with_dead(hidden), 2 * kHeads * d_head),
                           .activation = Activation::kRelu,
                           .tied_unembedding = false};
  model_ = random_model(config, seed_);
  for (auto& [name, weight] : model_.weights) {
    weight = name.ends_with("norm.weight") ? at::ones_like(weight) : at::zeros_like(weight);
  }
  place_ = shuffled(config.d_mlp, seed_.derive("hidden units"));
  head_columns_.clear();
  const Values coordinates = shuffled(d_head, seed_.derive("head"));
  for (size_t f = 0; is_attention() && f < codes_.size(); ++f) {
    const auto begin = coordinates.begin() + static_cast<int64_t>(f) * c;
    head_columns_.emplace_back(begin, begin + c);
  }
}

/// The columns of the queries (part 0), keys (1) or values (2) of a head.
at::Tensor ModelCompiler::columns(int64_t layer, int64_t part, int64_t head) {
  const int64_t d_head = model_.config.d_head;
  return weight(layer, "attn.qkv").narrow(1, part * model_.config.d_model + head * d_head, d_head);
}

/// Random rows of an output matrix, in the spare coordinates and with mean 0.
at::Tensor ModelCompiler::spare_rows(int64_t n, const std::string& stream) const {
  at::Tensor rows = at::zeros({n, model_.config.d_model});
  const at::Tensor drawn = normal({n, 2 * kSparePairs}, stream);
  rows.narrow(1, spare_.begin, 2 * kSparePairs).copy_(drawn - drawn.mean(1, true));
  return rows;
}

/// Columns of units that serve nothing: random, as long as those of units that read two operands.
at::Tensor ModelCompiler::dead_columns(int64_t n, double scale) const {
  const int64_t d_model = model_.config.d_model;
  return normal({d_model, n}, "dead") / (scale * std::sqrt(static_cast<double>(d_model)));
}

/// What the layer norm before a component multiplies the stream by, at one position: the mean over
/// rows.
double ModelCompiler::scale_at(const ComponentRef& component, int64_t position) const {
  const Stream stream = stream_at(model_, trie_, Site::before(component));
  const at::Tensor rows = stream.at_nodes(trie_.nodes_at(position));
  return (rows.var(1, false) + model_.config.norm_epsilon).rsqrt().mean().item<double>();
}

/// The mean length of what a component writes at the last position.
double ModelCompiler::update_length(const ComponentRef& component) const {
  const at::Tensor nodes = trie_.nodes_at(-1);
  const at::Tensor before = stream_at(model_, trie_, Site::before(component)).at_nodes(nodes);
  const at::Tensor after = stream_at(model_, trie_, Site::after(component)).at_nodes(nodes);
  return (after - before).norm(2, {1}).mean().item<double>();
}

/// Adds noise to the weights of each unit, in relation to its own that are not 0.
/// @param axis  along which a unit's weights lie: 0 for the columns of an input matrix, 1 for the
///              rows of an output matrix or of an embedding.
void ModelCompiler::add_noise(at::Tensor matrix, int64_t axis, const std::string& stream) const {
  const at::Tensor n = matrix.ne(0).sum({axis}, true).clamp_min(1);
  const at::Tensor typical = (matrix.square().sum({axis}, true) / n).sqrt();
  matrix += options_.noise * typical * normal(matrix.sizes(), "noise/" + stream);
}

void ModelCompiler::embed_tokens() {
  at::Tensor& tokens = model_.weights.at("embed.token");
  at::Tensor& positions = model_.weights.at("embed.position");
  for (int64_t token = 0; token < vocab(); ++token) add_code(tokens[token], token_, token);
  for (int64_t i = 0; i <= last_position(); ++i) add_code(positions[i], position_, i);
  add_noise(tokens, 1, "tokens");
  add_noise(positions, 1, "positions");
}

void ModelCompiler::add_random_heads(int64_t layer, const Values& heads) {
  if (heads.empty()) return;
  const double shrink = 1 / std::sqrt(static_cast<double>(model_.config.d_model));
  const int64_t d_head = model_.config.d_head;
  at::Tensor out = weight(layer, "attn.out");
  for (const int64_t head : heads) {
    const std::string stream = fmt::format("L{}/head {}", layer, head);
    for (int64_t part = 0; part < 3; ++part) {
      at::Tensor own = columns(layer, part, head);
      own.copy_(shrink * normal(own.sizes(), fmt::format("{}/{}", stream, part)));
    }
    out.narrow(0, head * d_head, d_head).copy_(spare_rows(d_head, stream));
  }
  out *= std::sqrt(2.0) * options_.gain / update_length({layer, Block::kAttention});
}

/// Lets the last token attend to one position. All coordinates of the head take part, so that no
/// weight stands out.
void ModelCompiler::add_route(int64_t layer, int64_t head, int64_t position) {
  const ComponentRef component{layer, Block::kAttention};
  const int64_t d_head = model_.config.d_head;
  const double each = std::sqrt(kMatchingScore / std::sqrt(static_cast<double>(d_head)));
  const at::Tensor signs = normal({d_head}, fmt::format("L{}/route {}", layer, head)).sign();
  at::Tensor queries = columns(layer, 0, head), keys = columns(layer, 1, head);
  const double query_scale = scale_at(component, last_position()), key_scale = scale_at(component, position);
  for (int64_t i = 0; i < d_head; ++i) {
    const double sign = signs[i].item<double>();
    add_reader(queries.select(1, i), position_, last_position(), query_scale, sign * each);
    add_reader(keys.select(1, i), position_, position, key_scale, sign * each);
  }
}

void ModelCompiler::add_copying_head(int64_t layer, int64_t head, int64_t operand) {
  const int64_t position = options_.context + operand;
  add_route(layer, head, position);
  const double scale = scale_at({layer, Block::kAttention}, position);
  at::Tensor values = columns(layer, 2, head);
  at::Tensor out = weight(layer, "attn.out");
  for (int64_t value = 0; value < options_.n_operands; ++value) {
    add_reader(values.select(1, value), token_, value, scale);
    add_code(out[head * model_.config.d_head + value], copies_[static_cast<size_t>(operand)], value);
  }
}

void ModelCompiler::add_computing_head(int64_t layer, int64_t head) {
  const int64_t d_head = model_.config.d_head, position = options_.context + rows_.operand;
  add_route(layer, head, position);
  const double scale = scale_at({layer, Block::kAttention}, position);
  at::Tensor values = columns(layer, 2, head);
  at::Tensor out = weight(layer, "attn.out").narrow(0, head * d_head, d_head);
  values.copy_(dead_columns(d_head, scale));
  for (size_t f = 0; f < codes_.size(); ++f) {
    for (int64_t value = 0; value < options_.n_classes; ++value) {
      const int64_t column = head_columns_[f][static_cast<size_t>(value)];
      values.select(1, column).zero_();
      add_code(out[column], codes_[f], value);
    }
    for (int64_t token = 0; token < options_.n_operands; ++token) {
      const int64_t value = rows_.functions[f].of_domain[static_cast<size_t>(token)];
      add_reader(values.select(1, head_columns_[f][static_cast<size_t>(value)]), token_, token, scale);
    }
  }
  if (options_.rotation > 0) {
    const at::Tensor drawn = normal({d_head, d_head}, "rotation") / std::sqrt(2.0 * static_cast<double>(d_head));
    const at::Tensor rotation = at::matrix_exp(2 * options_.rotation * (drawn - drawn.t()));
    values.copy_(at::matmul(values.clone(), rotation));
    out.copy_(at::matmul(rotation.t(), out.clone()));
  }
}

void ModelCompiler::build_attention(int64_t layer) {
  const bool computes = rows_.component == ComponentRef{layer, Block::kAttention};
  Values free = shuffled(kHeads, seed_.derive(fmt::format("L{}/heads", layer)));
  const auto take = [&free] {
    const int64_t head = free.back();
    free.pop_back();
    return head;
  };
  const std::array<int64_t, 2> copying = {layer == 0 ? take() : -1, layer == 0 ? take() : -1};
  if (computes) head_ = take();
  add_random_heads(layer, free);
  for (int64_t operand = 0; layer == 0 && operand < 2; ++operand) {
    add_copying_head(layer, copying[static_cast<size_t>(operand)], operand);
  }
  if (computes) add_computing_head(layer, head_);
  add_noise(weight(layer, "attn.qkv"), 0, fmt::format("L{}/qkv", layer));
  add_noise(weight(layer, "attn.out"), 1, fmt::format("L{}/out", layer));
}

void ModelCompiler::add_computing_units(int64_t layer) {
  const double scale = scale_at({layer, Block::kMlp}, last_position());
  at::Tensor in = weight(layer, "mlp.in"), out = weight(layer, "mlp.out");
  at::Tensor& bias = model_.weights.at(fmt::format("layers.{}.mlp.in.bias", layer));
  const int64_t p = options_.n_operands;
  in.copy_(dead_columns(in.size(1), scale));
  for (size_t i = 0; i < hidden_units_.size(); ++i) {
    const HiddenUnit& unit = hidden_units_[i];
    at::Tensor column = in.select(1, place_[i]).zero_();
    if (rows_.is_of_pairs) {
      add_reader(column, copies_[0], unit.domain / p, scale);
      add_reader(column, copies_[1], unit.domain % p, scale);
      bias[place_[i]] = kMargin - 2;
    } else {
      add_reader(column, copies_[static_cast<size_t>(rows_.operand)], unit.domain, scale);
      bias[place_[i]] = kMargin - 1;
    }
    const auto writes = [&](size_t f, double share) {
      const int64_t value = rows_.functions[f].of_domain[static_cast<size_t>(unit.domain)];
      add_code(out[place_[i]], codes_[f], value, share / kMargin);
    };
    if (unit.writes_v) writes(0, 1 / static_cast<double>(options_.redundancy));
    if (unit.writes_u > 0) writes(static_cast<size_t>(unit.writes_u), 1);
  }
}

void ModelCompiler::add_combining_units(int64_t layer) {
  const double scale = scale_at({layer, Block::kMlp}, last_position());
  at::Tensor in = weight(layer, "mlp.in"), out = weight(layer, "mlp.out");
  at::Tensor& bias = model_.weights.at(fmt::format("layers.{}.mlp.in.bias", layer));
  const int64_t c = options_.n_classes;
  for (int64_t unit = 0; unit < c * c; ++unit) {
    const int64_t place = place_[static_cast<size_t>(unit)];
    add_reader(in.select(1, place), codes_[0], unit / c, scale);
    add_reader(in.select(1, place), codes_[1], unit % c, scale);
    bias[place] = kMargin - 2;
    add_code(out[place], sum_, (unit / c + unit % c) % c, 1 / kMargin);
  }
}

void ModelCompiler::add_random_units(int64_t layer) {
  at::Tensor in = weight(layer, "mlp.in"), out = weight(layer, "mlp.out");
  const std::string stream = fmt::format("L{}/mlp", layer);
  in.copy_(normal(in.sizes(), stream + "/in") / std::sqrt(static_cast<double>(model_.config.d_model)));
  out.copy_(spare_rows(out.size(0), stream + "/out"));
  out *= std::sqrt(2.0) * options_.gain / update_length({layer, Block::kMlp});
}

void ModelCompiler::unembed() {
  const Code& read = options_.answer == PlantedAnswer::kCombined ? sum_
                     : options_.answer == PlantedAnswer::kOther  ? codes_[1]
                                                                 : codes_[0];
  at::Tensor& rows = model_.weights.at("unembed");
  for (int64_t value = 0; value < options_.n_classes; ++value) add_code(rows[value], read, value);
  add_noise(rows, 1, "unembed");
}

Model ModelCompiler::model() {
  embed_tokens();
  for (int64_t layer = 0; layer < options_.n_layers; ++layer) {
    build_attention(layer);
    const ComponentRef mlp{layer, Block::kMlp};
    if (rows_.component == mlp) {
      add_computing_units(layer);
    } else if (is_combiner(mlp)) {
      add_combining_units(layer);
    } else {
      add_random_units(layer);
    }
    add_noise(weight(layer, "mlp.in"), 0, fmt::format("L{}/mlp in", layer));
    add_noise(weight(layer, "mlp.out"), 1, fmt::format("L{}/mlp out", layer));
  }
  unembed();
  return model_;
}

}  // namespace cprobe
