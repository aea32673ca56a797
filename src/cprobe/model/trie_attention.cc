#include "cprobe/model/trie_attention.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "cprobe/core/error.h"
#include "cprobe/core/rows.h"
#include "cprobe/core/vector_clones.h"
#include "cprobe/core/vector_math.h"

namespace cprobe {
namespace {

/// A float matrix with contiguous rows, viewed as [rows, heads, d_head].
struct HeadRows {
  float* data;
  int64_t stride;

  float* head(int64_t row, int64_t head, int64_t d_head) const { return data + row * stride + head * d_head; }
};

HeadRows rows_of(const at::Tensor& matrix) {
  return {matrix.data_ptr<float>(), matrix.stride(0)};
}

/// The key rows that queries see within their window.
struct KeyList {
  const int64_t* rows;
  int64_t max_length;
  const int64_t* length;
  int64_t window;      ///< >= 1.
  bool exceeds_cache;  ///< Keys and values are too many for a processor's cache.

  int64_t n_seen(int64_t query) const { return std::min(length[query], window); }
  const int64_t* seen(int64_t query) const { return rows + query * max_length + length[query] - n_seen(query); }
  /// Has the processor fetch the columns [begin, end) of the rows of x that a query will read.
  [[gnu::always_inline]] void prefetch(int64_t query, HeadRows x, int64_t begin, int64_t end) const {
    const int64_t* first = seen(query);
    for (const int64_t* row = first; row < first + n_seen(query); ++row) {
      for (int64_t c = begin; c < end; c += 16) __builtin_prefetch(x.data + *row * x.stride + c, 0, 2);
    }
  }
};

KeyList key_list(const at::Tensor& rows, const at::Tensor& length, int64_t window, const at::Tensor& k) {
  constexpr int64_t kOfACache = 1 << 20;
  return {rows.data_ptr<int64_t>(), rows.size(1), length.data_ptr<int64_t>(), window,
          2 * k.numel() * static_cast<int64_t>(sizeof(float)) > kOfACache};
}

/// Scale and soft cap of AttentionOptions, in the kernel's precision.
struct Scoring {
  float scale;
  float soft_cap;
};

// The functions below are inlined, so that each clone vectorises their loops in its own way. The
// sizes of heads that most models have are constants, for which the compiler unrolls loops.

[[gnu::always_inline]] inline float dot(const float* a, const float* b, int64_t d) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t c = 0; c < d; ++c) sum += a[c] * b[c];
  return sum;
}

/// Adds weight * x to y.
[[gnu::always_inline]] inline void add_scaled(float* y, float weight, const float* x, int64_t d) {
#pragma omp simd
  for (int64_t c = 0; c < d; ++c) y[c] += weight * x[c];
}

/// Writes the probabilities and the weighted sums of values of queries [begin, end).
/// @tparam kHeadSize  d_head, or 0 for any other size.
template <int64_t kHeadSize>
[[gnu::always_inline]] inline void attend_with(int64_t begin, int64_t end, HeadRows q, HeadRows k, HeadRows v,
                                               KeyList keys, AttentionShape shape, Scoring scoring,
                                               float* probabilities, HeadRows out) {
  const int64_t group = shape.n_heads / shape.n_kv_heads;
  const int64_t d = kHeadSize > 0 ? kHeadSize : shape.d_head;
  for (int64_t i = begin; i < end; ++i) {
    if (keys.exceeds_cache && i + 1 < end) {
      keys.prefetch(i + 1, k, 0, shape.n_kv_heads * d);
      keys.prefetch(i + 1, v, 0, shape.n_kv_heads * d);
    }
    const int64_t* rows = keys.seen(i);
    const int64_t n = keys.n_seen(i);
    float* of_query = probabilities + i * shape.n_heads * keys.max_length;
    for (int64_t h = 0; h < shape.n_heads; ++h) {
      const float* query = q.head(i, h, d);
      float* p = of_query + h * keys.max_length;
      float highest = -INFINITY;
      for (int64_t j = 0; j < n; ++j) {
        p[j] = dot(query, k.head(rows[j], h / group, d), d) * scoring.scale;
        if (scoring.soft_cap > 0) p[j] = scoring.soft_cap * std::tanh(p[j] / scoring.soft_cap);
        highest = std::max(highest, p[j]);
      }
      for (int64_t j = 0; j < n; ++j) p[j] -= highest;
      std::fill(p + n, p + keys.max_length, 0.0f);
    }
    // Of all heads at once, as a head may see fewer keys than a vector has room for.
#pragma omp simd
    for (int64_t j = 0; j < shape.n_heads * keys.max_length; ++j) of_query[j] = exp_of_negative(of_query[j]);
    for (int64_t h = 0; h < shape.n_heads; ++h) {
      float* p = of_query + h * keys.max_length;
      float sum = 0;
      for (int64_t j = 0; j < n; ++j) sum += p[j];
      float* z = out.head(i, h, d);
      std::fill(z, z + d, 0.0f);
      for (int64_t j = 0; j < n; ++j) add_scaled(z, p[j] /= sum, v.head(rows[j], h / group, d), d);
    }
  }
}

CPROBE_VECTOR_CLONES
void attend(int64_t begin, int64_t end, HeadRows q, HeadRows k, HeadRows v, KeyList keys, AttentionShape shape,
            Scoring scoring, float* probabilities, HeadRows out) {
  switch (shape.d_head) {
    case 32:
      return attend_with<32>(begin, end, q, k, v, keys, shape, scoring, probabilities, out);
    case 64:
      return attend_with<64>(begin, end, q, k, v, keys, shape, scoring, probabilities, out);
    case 128:
      return attend_with<128>(begin, end, q, k, v, keys, shape, scoring, probabilities, out);
    default:
      return attend_with<0>(begin, end, q, k, v, keys, shape, scoring, probabilities, out);
  }
}

/// What a block of `attend_backward` computes: the gradients from queries [begin, end) and heads
/// [head_begin, head_end).
struct Part {
  int64_t begin, end, head_begin, head_end;
};

/// The rows that gradients are written to.
struct Gradients {
  HeadRows q;  ///< Written.
  HeadRows k;  ///< Added to. Null: the gradients of keys and values are not wanted.
  HeadRows v;
};

template <int64_t kHeadSize>
[[gnu::always_inline]] inline void attend_backward_with(const Part& part, HeadRows q, HeadRows k, HeadRows v,
                                                        KeyList keys, AttentionShape shape, Scoring scoring,
                                                        const float* probabilities, HeadRows dout,
                                                        Gradients gradients) {
  const int64_t group = shape.n_heads / shape.n_kv_heads;
  const int64_t d = kHeadSize > 0 ? kHeadSize : shape.d_head;
  std::vector<float> dp(static_cast<size_t>(keys.max_length));
  for (int64_t i = part.begin; i < part.end; ++i) {
    if (keys.exceeds_cache && i + 1 < part.end) {
      keys.prefetch(i + 1, k, part.head_begin / group * d, part.head_end / group * d);
      keys.prefetch(i + 1, v, part.head_begin / group * d, part.head_end / group * d);
    }
    const int64_t* rows = keys.seen(i);
    const int64_t n = keys.n_seen(i);
    for (int64_t h = part.head_begin; h < part.head_end; ++h) {
      const float* p = probabilities + (i * shape.n_heads + h) * keys.max_length;
      const float* dz = dout.head(i, h, d);
      float mean = 0;
      for (int64_t j = 0; j < n; ++j) {
        const float dprobability = dot(dz, v.head(rows[j], h / group, d), d);
        dp[static_cast<size_t>(j)] = dprobability;
        mean += p[j] * dprobability;
      }
      const float* query = q.head(i, h, d);
      float* dquery = gradients.q.head(i, h, d);
      std::fill(dquery, dquery + d, 0.0f);
      for (int64_t j = 0; j < n; ++j) {
        float dscore = p[j] * (dp[static_cast<size_t>(j)] - mean) * scoring.scale;
        const float* key = k.head(rows[j], h / group, d);
        if (scoring.soft_cap > 0) {
          const float share = std::tanh(dot(query, key, d) * scoring.scale / scoring.soft_cap);
          dscore *= 1 - share * share;
        }
        add_scaled(dquery, dscore, key, d);
        if (gradients.k.data == nullptr) continue;
        add_scaled(gradients.k.head(rows[j], h / group, d), dscore, query, d);
        add_scaled(gradients.v.head(rows[j], h / group, d), p[j], dz, d);
      }
    }
  }
}

CPROBE_VECTOR_CLONES
void attend_backward(const Part& part, HeadRows q, HeadRows k, HeadRows v, KeyList keys, AttentionShape shape,
                     Scoring scoring, const float* probabilities, HeadRows dout, Gradients gradients) {
  switch (shape.d_head) {
    case 32:
      return attend_backward_with<32>(part, q, k, v, keys, shape, scoring, probabilities, dout, gradients);
    case 64:
      return attend_backward_with<64>(part, q, k, v, keys, shape, scoring, probabilities, dout, gradients);
    case 128:
      return attend_backward_with<128>(part, q, k, v, keys, shape, scoring, probabilities, dout, gradients);
    default:
      return attend_backward_with<0>(part, q, k, v, keys, shape, scoring, probabilities, dout, gradients);
  }
}

class TrieAttention : public torch::autograd::Function<TrieAttention> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const at::Tensor& rows, const at::Tensor& length, AttentionShape shape,
                            Scoring scoring, int64_t window) {
    const int64_t n_heads = shape.n_heads, d_head = shape.d_head;
    const KeyList keys = key_list(rows, length, window, k);
    at::Tensor probabilities = at::empty({q.size(0), n_heads, rows.size(1)}, q.options());
    at::Tensor out = at::empty({q.size(0), n_heads * d_head}, q.options());
    const HeadRows q_rows = rows_of(q), k_rows = rows_of(k), v_rows = rows_of(v), out_rows = rows_of(out);
    at::parallel_for(0, q.size(0), 16, [&](int64_t begin, int64_t end) {
      attend(begin, end, q_rows, k_rows, v_rows, keys, shape, scoring, probabilities.data_ptr<float>(), out_rows);
    });
    context->save_for_backward({q, k, v, rows, length, probabilities});
    context->saved_data["n_kv_heads"] = shape.n_kv_heads;
    context->saved_data["scale"] = scoring.scale;
    context->saved_data["soft_cap"] = scoring.soft_cap;
    context->saved_data["window"] = window;
    return out;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &rows = saved[3], &probabilities = saved[5];
    const auto setting = [&](const char* name) { return context->saved_data.at(name); };
    const int64_t n_heads = probabilities.size(1);
    const AttentionShape shape{n_heads, setting("n_kv_heads").toInt(), q.size(1) / n_heads};
    const Scoring scoring{static_cast<float>(setting("scale").toDouble()),
                          static_cast<float>(setting("soft_cap").toDouble())};
    const KeyList keys = key_list(rows, saved[4], setting("window").toInt(), k);
    const at::Tensor dout = gradients[0].contiguous();
    at::Tensor dq = at::empty(q.sizes(), q.options());
    const bool needs_keys = k.requires_grad() || v.requires_grad();
    at::Tensor dk, dv;
    Gradients to{rows_of(dq), {nullptr, 0}, {nullptr, 0}};
    if (needs_keys) {
      dk = at::zeros(k.sizes(), k.options());
      dv = at::zeros(v.sizes(), v.options());
      to = {rows_of(dq), rows_of(dk), rows_of(dv)};
    }
    const HeadRows q_rows = rows_of(q), k_rows = rows_of(k), v_rows = rows_of(v), dout_rows = rows_of(dout);
    const float* p = probabilities.data_ptr<float>();
    if (needs_keys) {
      // Several queries add to one key row. Threads therefore divide the key/value heads: there are
      // no races, and sums are the same in every run.
      const int64_t group = shape.n_heads / shape.n_kv_heads;
      at::parallel_for(0, shape.n_kv_heads, 1, [&](int64_t begin, int64_t end) {
        attend_backward({0, q.size(0), begin * group, end * group}, q_rows, k_rows, v_rows, keys, shape, scoring, p,
                        dout_rows, to);
      });
    } else {
      at::parallel_for(0, q.size(0), 16, [&](int64_t begin, int64_t end) {
        attend_backward({begin, end, 0, shape.n_heads}, q_rows, k_rows, v_rows, keys, shape, scoring, p, dout_rows, to);
      });
    }
    return {dq, dk, dv, {}, {}, {}, {}, {}};
  }
};

void check_shapes(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const KeyRows& keys,
                  const AttentionShape& shape) {
  const bool fits = q.dim() == 2 && q.size(1) == shape.n_heads * shape.d_head && k.dim() == 2 &&
                    k.size(1) == shape.n_kv_heads * shape.d_head && k.sizes() == v.sizes() && keys.rows.dim() == 2 &&
                    keys.rows.size(0) == q.size(0) && keys.length.sizes() == at::IntArrayRef{q.size(0)};
  if (!fits) {
    throw failure("attention: q [{}], k [{}], v [{}], key rows [{}] do not fit {} heads of {}",
                  fmt::join(q.sizes(), ", "), fmt::join(k.sizes(), ", "), fmt::join(v.sizes(), ", "),
                  fmt::join(keys.rows.sizes(), ", "), shape.n_heads, shape.d_head);
  }
}

Scoring scoring_of(const AttentionOptions& options, const AttentionShape& shape) {
  const float scale =
      options.scale ? static_cast<float>(*options.scale) : 1.0f / std::sqrt(static_cast<float>(shape.d_head));
  return {scale, static_cast<float>(options.soft_cap)};
}

/// The largest number of keys that a query sees.
int64_t window_of(const AttentionOptions& options, const KeyRows& keys) {
  return options.window > 0 ? options.window : keys.rows.size(1);
}

}  // namespace

at::Tensor reference_trie_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const KeyRows& keys,
                                    const AttentionShape& shape, const AttentionOptions& options) {
  check_shapes(q, k, v, keys, shape);
  const int64_t n = q.size(0);
  const int64_t length = keys.rows.size(1);
  const auto gather = [&](const at::Tensor& rows) {
    return rows_at(rows, keys.rows.reshape(-1))
        .view({n, length, shape.n_kv_heads, shape.d_head})
        .repeat_interleave(shape.n_heads / shape.n_kv_heads, 2);
  };
  const at::Tensor query = q.reshape({n, 1, shape.n_heads, shape.d_head});
  const at::Tensor products = (query * gather(k)).sum(-1);
  at::Tensor scores =
      options.scale ? products * *options.scale : products / std::sqrt(static_cast<double>(shape.d_head));
  if (options.soft_cap > 0) scores = options.soft_cap * at::tanh(scores / options.soft_cap);
  const at::Tensor place = at::arange(length, keys.length.options()).unsqueeze(0);
  const at::Tensor end = keys.length.unsqueeze(1);
  const at::Tensor unseen = at::logical_or(place >= end, place < end - window_of(options, keys));
  const at::Tensor p = scores.masked_fill(unseen.unsqueeze(-1).to(q.device()), -INFINITY).softmax(1);
  return (p.unsqueeze(-1) * gather(v)).sum(1).reshape({n, shape.n_heads * shape.d_head});
}

at::Tensor trie_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const KeyRows& keys,
                          const AttentionShape& shape, const AttentionOptions& options) {
  if (!q.device().is_cpu() || q.scalar_type() != at::kFloat) {
    return reference_trie_attention(q, k, v, keys, shape, options);
  }
  check_shapes(q, k, v, keys, shape);
  const auto with_contiguous_rows = [](const at::Tensor& x) { return x.stride(1) == 1 ? x : x.contiguous(); };
  return TrieAttention::apply(with_contiguous_rows(q), with_contiguous_rows(k), with_contiguous_rows(v),
                              keys.rows.contiguous(), keys.length.contiguous(), shape, scoring_of(options, shape),
                              window_of(options, keys));
}

}  // namespace cprobe
