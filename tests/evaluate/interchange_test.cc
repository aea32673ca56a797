#include "cprobe/evaluate/interchange.h"

#include "tests/evaluate/planted_pairs.h"
#include "tests/numeric_jacobian.h"
#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

using testing::agree;

at::Tensor logits_of(const Model& model, const TokenTrie& trie) {
  return logits(model, stream_at(model, trie, Site::end(model.config)).at_nodes(trie.nodes_at(-1)));
}

class Interchange : public ::testing::Test {
 protected:
  testing::PlantedPairs planted_ = testing::planted_pairs();
  Dataset data_ = testing::paired_rows(0, 30);
  ProbedSite probed_ = testing::paired_site(planted_.model, data_, data_, "x");
  InterchangePairs pairs_ = interchange_pairs(probed_, probed_.train);
  at::Tensor axes_ = at::eye(planted_.model.config.d_model);
};

TEST_F(Interchange, OfTheWholeStateGivesTheSourcesAnswersAndOfNothingTheBases) {
  const at::Tensor source = logits_of(planted_.model, data_.counterfactuals->sources);
  const at::Tensor base = logits_of(planted_.model, data_.trie);
  const int64_t width = planted_.model.config.d_model;
  const at::Tensor rotation = std::get<0>(at::linalg_qr(at::randn({width, width}, Seed(2).generator())));
  EXPECT_TRUE(agree(interchange_logits(planted_.model, pairs_, {rotation, {}}), source, 1e-5));
  const at::Tensor none = at::zeros({rotation.size(1)});
  EXPECT_TRUE(agree(interchange_logits(planted_.model, pairs_, {rotation, none}), base, 1e-5));
}

TEST_F(Interchange, OfTheVariablesDirectionsGivesTheCounterfactualAnswers) {
  const InterchangeAccuracy known = interchange_accuracy(planted_.model, pairs_, {planted_.directions_x, {}});
  EXPECT_EQ(known.all, 1);
  EXPECT_EQ(known.changed, 1);
  // Nothing is exchanged: an answer is right if the source has the same value.
  const InterchangeAccuracy nothing = interchange_accuracy(planted_.model, pairs_, {axes_, at::zeros({9})});
  EXPECT_NEAR(nothing.all, 1 - pairs_.changed.to(at::kDouble).mean().item<double>(), 1e-12);
  EXPECT_EQ(nothing.changed, 0);
}

TEST_F(Interchange, IsJudgedByTheContrastOfSentences) {
  // With a contrast, a third token may have the largest logit. One answer only has to win over the
  // other.
  const at::Tensor answers = data_.counterfactuals->answers.at("x");
  const at::Tensor top = logits_of(planted_.model, data_.trie).argmax(1);
  const at::Tensor none = at::zeros({9});
  EXPECT_LT(interchange_accuracy(planted_.model, pairs_, {axes_, none}).all, 1);
  pairs_.contrast = Contrast{.continuation = answers, .against = top.unsqueeze(1)};
  EXPECT_NEAR(interchange_accuracy(planted_.model, pairs_, {axes_, none}).all, 0, 1e-12);
  EXPECT_EQ(interchange_accuracy(planted_.model, pairs_.of_rows(pairs_.changed.nonzero().squeeze(1)),
                                 {planted_.directions_x, {}})
                .all,
            1);
}

TEST_F(Interchange, IsDifferentiableInRotationAndWeights) {
  const Model model = testing::in_double(planted_.model);
  InterchangePairs some = pairs_.of_rows(at::tensor({0, 7}, at::kLong));
  const ProbedSite exact = testing::paired_site(planted_.model, data_, data_, "x");
  // Patches a second model, in float64. The states come from the float32 model.
  Stream stream = exact.train.stream;
  stream.rows = stream.rows.to(at::kDouble);
  InterchangePairs pairs = {
      .patching = Patching(model, data_.trie, stream, exact.site, -1).of_rows(at::tensor({0, 7}, at::kLong)),
      .base = some.base.to(at::kDouble),
      .difference = some.difference.to(at::kDouble),
      .answers = some.answers,
      .changed = some.changed};
  const at::Tensor rotation = at::randn({9, 4}, Seed(1).generator(), at::TensorOptions(at::kDouble));
  const at::Tensor weights = at::rand({4}, Seed(2).generator(), at::TensorOptions(at::kDouble));
  const auto of_rotation = [&](const at::Tensor& r) { return interchange_logits(model, pairs, {r, weights}); };
  const auto of_weights = [&](const at::Tensor& w) { return interchange_logits(model, pairs, {rotation, w}); };
  EXPECT_TRUE(
      agree(testing::autograd_jacobian(of_rotation, rotation), testing::numeric_jacobian(of_rotation, rotation), 1e-6));
  EXPECT_TRUE(
      agree(testing::autograd_jacobian(of_weights, weights), testing::numeric_jacobian(of_weights, weights), 1e-6));
}

TEST_F(Interchange, SaysWhatTheDataLack) {
  Dataset bare = data_;
  bare.counterfactuals.reset();
  const ProbedSite without = testing::paired_site(planted_.model, bare, bare, "x");
  EXPECT_INPUT_ERROR(interchange_pairs(without, without.train), "planted: interchange interventions need a source");
  bare = data_;
  bare.variables["y"] = bare.variables["x"];
  const ProbedSite other = testing::paired_site(planted_.model, bare, bare, "y");
  EXPECT_INPUT_ERROR(interchange_pairs(other, other.train),
                     "planted: no counterfactual answers for 'y', but for 'noise', 'x'; they are a column 'CF_Label_k' "
                     "whose formula 'CF_FN_k' takes 'counter_y' and nothing else from the source");
  bare.contrast = Contrast{};
  EXPECT_INPUT_ERROR(interchange_pairs(other, other.train), "'noise', 'x'; answers of sentences depend on these alone");
}

}  // namespace
}  // namespace cprobe
