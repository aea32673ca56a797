#include "cprobe/model/trie_attention.h"

#include "tests/numeric_jacobian.h"
#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::agree;
using testing::autograd_jacobian;
using testing::numeric_jacobian;

// Float32 against float64: a few roundings of numbers of size 1.
constexpr double kForward = 2e-6;
constexpr double kAttentionGradient = 1e-5;

struct AttentionCase {
  const char* name;
  AttentionShape shape;
  AttentionOptions options = {};
};

/// Queries over random lists of key rows. Lists differ in length. Several queries may read one row,
/// and a query may read a row twice.
struct Problem {
  AttentionShape shape;
  AttentionOptions options;
  at::Tensor q, k, v;
  KeyRows keys;

  at::Tensor fused() const { return trie_attention(q, k, v, keys, shape, options); }
  at::Tensor reference() const { return reference_trie_attention(q, k, v, keys, shape, options); }
};

Problem random_problem(const AttentionShape& shape, Seed seed, int64_t n_queries = 5, int64_t n_rows = 6,
                       const AttentionOptions& options = {}) {
  at::Generator generator = seed.generator();
  const int64_t longest = 4;
  return {.shape = shape,
          .options = options,
          .q = at::randn({n_queries, shape.n_heads * shape.d_head}, generator),
          .k = at::randn({n_rows, shape.n_kv_heads * shape.d_head}, generator),
          .v = at::randn({n_rows, shape.n_kv_heads * shape.d_head}, generator),
          .keys = {at::randint(n_rows, {n_queries, longest}, generator, at::kLong),
                   at::randint(1, longest + 1, {n_queries}, generator, at::kLong)}};
}

/// Attention of one query and head in float64, from the definition: softmax(f(q k)) v, where f
/// scales and caps.
at::Tensor defined(const Problem& p, int64_t query, int64_t head) {
  const int64_t d = p.shape.d_head, group = p.shape.n_heads / p.shape.n_kv_heads;
  const int64_t length = p.keys.length[query].item<int64_t>();
  const int64_t first = p.options.window == 0 ? 0 : std::max(int64_t{0}, length - p.options.window);
  const at::Tensor rows = p.keys.rows[query].narrow(0, first, length - first);
  const auto part = [&](const at::Tensor& x, int64_t h) { return x.narrow(-1, h * d, d).to(at::kDouble); };
  const at::Tensor products = at::mv(part(p.k.index_select(0, rows), head / group), part(p.q[query], head));
  at::Tensor scores = products * p.options.scale.value_or(1 / std::sqrt(double(d)));
  if (p.options.soft_cap != 0) scores = p.options.soft_cap * (scores / p.options.soft_cap).tanh();
  return at::mv(part(p.v.index_select(0, rows), head / group).t(), scores.softmax(0));
}

class TrieAttentionCases : public ::testing::TestWithParam<AttentionCase> {
 protected:
  Problem problem(Seed seed, int64_t n_queries = 5, int64_t n_rows = 6) const {
    return random_problem(GetParam().shape, seed, n_queries, n_rows, GetParam().options);
  }
};

TEST_P(TrieAttentionCases, IsSoftmaxAttentionOverTheListedRows) {
  const Problem p = problem(Seed(1));
  const at::Tensor ours = p.fused(), reference = p.reference();
  const int64_t d = p.shape.d_head;
  for (int64_t i = 0; i < p.q.size(0); ++i) {
    for (int64_t h = 0; h < p.shape.n_heads; ++h) {
      EXPECT_TRUE(agree(ours[i].narrow(0, h * d, d), defined(p, i, h), kForward)) << "query " << i << ", head " << h;
      EXPECT_TRUE(agree(reference[i].narrow(0, h * d, d), defined(p, i, h), kForward))
          << "query " << i << ", head " << h;
    }
  }
}

TEST_P(TrieAttentionCases, GradientsAreThoseOfTheReferenceAndOfDifferences) {
  const Problem p = problem(Seed(2));
  const auto with = [&p](int argument, bool fused) -> testing::TensorFunction {
    return [&p, argument, fused](const at::Tensor& x) {
      const auto pick = [&](int i, const at::Tensor& kept) { return i == argument ? x : kept.to(x.scalar_type()); };
      const auto attend = fused ? trie_attention : reference_trie_attention;
      return attend(pick(0, p.q), pick(1, p.k), pick(2, p.v), p.keys, p.shape, p.options);
    };
  };
  const at::Tensor* arguments[] = {&p.q, &p.k, &p.v};
  const char* names[] = {"q", "k", "v"};
  for (int i = 0; i < 3; ++i) {
    const at::Tensor ours = autograd_jacobian(with(i, true), *arguments[i]);
    EXPECT_TRUE(agree(ours, autograd_jacobian(with(i, false), *arguments[i]), kAttentionGradient)) << "by " << names[i];
    EXPECT_TRUE(agree(ours, numeric_jacobian(with(i, false), *arguments[i]), kAttentionGradient)) << "by " << names[i];
  }
}

TEST_P(TrieAttentionCases, GivesAllThreeGradientsTogether) {
  const Problem p = problem(Seed(3), 70, 40);  // enough queries for several threads
  std::vector<at::Tensor> gradients[2];
  for (const bool fused : {false, true}) {
    const std::vector<at::Tensor> x = {p.q.clone().requires_grad_(), p.k.clone().requires_grad_(),
                                       p.v.clone().requires_grad_()};
    const auto attend = fused ? trie_attention : reference_trie_attention;
    const at::Tensor loss = attend(x[0], x[1], x[2], p.keys, p.shape, p.options).sin().sum();
    gradients[fused ? 1 : 0] = torch::autograd::grad({loss}, x);
  }
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(agree(gradients[1][i], gradients[0][i], kAttentionGradient)) << i;
}

// Products of random queries and keys have size sqrt(d_head), so caps of 1 and 2 bend most scores.
INSTANTIATE_TEST_SUITE_P(
    Cases, TrieAttentionCases,
    ::testing::Values(AttentionCase{"one_head", {1, 1, 5}}, AttentionCase{"two_heads", {2, 2, 4}},
                      AttentionCase{"grouped", {4, 2, 3}}, AttentionCase{"one_key_head", {3, 1, 17}},
                      AttentionCase{"scaled", {2, 2, 4}, {.scale = 1.3}},
                      AttentionCase{"capped", {4, 2, 3}, {.soft_cap = 1}},
                      AttentionCase{"windowed", {2, 2, 4}, {.window = 2}},
                      AttentionCase{"all_settings", {3, 1, 17}, {.scale = 0.7, .soft_cap = 2, .window = 3}}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(TrieAttention, OverOneKeyIsItsValue) {
  Problem p = random_problem({2, 2, 4}, Seed(4));
  p.keys.length.fill_(1);
  EXPECT_TRUE(at::equal(trie_attention(p.q, p.k, p.v, p.keys, p.shape), p.v.index_select(0, p.keys.rows.select(1, 0))));
}

TEST(TrieAttention, StaysFiniteWhereScoresAreLarge) {
  for (const double soft_cap : {0.0, 3.0}) {
    Problem p = random_problem({2, 2, 4}, Seed(5), 5, 6, {.soft_cap = soft_cap});
    p.q = (p.q * 1e4).requires_grad_();
    const at::Tensor ours = p.fused();
    EXPECT_TRUE(at::isfinite(ours).all().item<bool>());
    EXPECT_TRUE(agree(ours, p.reference(), kForward));
    EXPECT_TRUE(at::isfinite(torch::autograd::grad({ours.sum()}, {p.q})[0]).all().item<bool>());
  }
}

TEST(TrieAttention, BySettingsThatSayTheDefaultsIsTheSame) {
  const Problem p = random_problem({2, 2, 4}, Seed(8));
  Problem said = p;
  said.options = {.scale = 0.5, .window = 4};  // 1 / sqrt(4); the longest list has 4 rows
  EXPECT_TRUE(at::equal(said.fused(), p.fused()));
  EXPECT_TRUE(at::equal(said.reference(), p.reference()));
}

TEST(TrieAttention, UnderAWindowOfOneSeesTheQuerysOwnTokenOnly) {
  const Problem p = random_problem({2, 2, 4}, Seed(9), 5, 6, {.window = 1});
  const at::Tensor own = p.keys.rows.gather(1, (p.keys.length - 1).unsqueeze(1)).squeeze(1);
  EXPECT_TRUE(at::equal(p.fused(), p.v.index_select(0, own)));
  EXPECT_TRUE(at::equal(p.reference(), p.v.index_select(0, own)));
}

TEST(TrieAttention, ReadsColumnSlicesOfAProjection) {
  const Problem p = random_problem({2, 2, 4}, Seed(6), 6, 6);
  const at::Tensor joined = at::cat({p.q, p.k, p.v}, 1);
  const at::Tensor sliced =
      trie_attention(joined.narrow(1, 0, 8), joined.narrow(1, 8, 8), joined.narrow(1, 16, 8), p.keys, p.shape);
  EXPECT_TRUE(at::equal(sliced, trie_attention(p.q, p.k, p.v, p.keys, p.shape)));
}

TEST(TrieAttention, RefusesShapesThatDoNotFit) {
  const Problem p = random_problem({2, 2, 4}, Seed(7));
  EXPECT_FAILED_ERROR(trie_attention(p.q, p.k, p.v, p.keys, {2, 2, 5}), "do not fit 2 heads of 5");
  EXPECT_FAILED_ERROR(trie_attention(p.q, p.k, p.v.narrow(0, 0, 3), p.keys, p.shape), "v [3, 8]");
  EXPECT_FAILED_ERROR(trie_attention(p.q.narrow(0, 0, 4), p.k, p.v, p.keys, p.shape), "q [4, 8]");
}

}  // namespace
}  // namespace cprobe
