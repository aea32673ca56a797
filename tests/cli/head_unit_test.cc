// Circuits of whole attention heads, through the program.

#include <nlohmann/json.hpp>

#include "tests/cli/mistake.h"
#include "tests/cli/program.h"

namespace cprobe::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// A model in which one head of L0.attn computes v; others bring the operands, or do nothing.
class UnitHead : public ::testing::Test {
 protected:
  void SetUp() override {
    const ProgramResult made =
        cprobe({"plant", "--out", model_, "--component", "L0.attn", "--distractors", "0", "--threads", "1"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }

  std::string spec(const std::string& more) const {
    return write_bytes(folder_ / "spec.yaml",
                       "model: " + model_ + "\ntask: {name: planted, train: " + model_ + "/train.csv, test: " + model_ +
                           "/test.csv}\nvariables: [v]\nout: " + (folder_ / "run").string() + "\n" + more)
        .string();
  }

  /// The heads that have the true units, as the folder's truth has them.
  std::vector<int64_t> true_heads() const {
    const auto config = nlohmann::json::parse(read_bytes(folder_ / "model/config.json"));
    const auto truth = nlohmann::json::parse(read_bytes(folder_ / "model/truth.json"));
    const int64_t d_model = config["n_embd"], d_head = d_model / config["n_head"].get<int64_t>();
    std::set<int64_t> heads;
    for (const int64_t unit : truth["variables"][0]["matrices"]["c_attn"]["units"]) {
      if (unit >= 2 * d_model) heads.insert((unit - 2 * d_model) / d_head);
    }
    return {heads.begin(), heads.end()};
  }

  TemporaryFolder folder_;
  std::string model_ = (folder_ / "model").string();
};

TEST_F(UnitHead, FindsTheHeadThatComputes) {
  const std::string of = spec(
      "layers: [0]\nfit: {unit: head, batch_size: 144, epochs: 20}\n"
      "evaluate: {random_controls: 3, null_variables: 2, exchange_controls: 3}\n");
  const ProgramResult fitted = cprobe({"fit", of, "--threads", "1"});
  ASSERT_EQ(fitted.exit_code, 0) << fitted.err;
  std::string circuit;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "run/circuits")) circuit = entry.path();
  EXPECT_THAT(circuit, HasSubstr("v.L0.attn")) << "blocks: attention only";
  const auto json = nlohmann::json::parse(cprobe({"inspect", circuit, "--model", model_, "--json"}).out);
  EXPECT_EQ(json["unit"], "head");
  EXPECT_EQ(json["heads_inside"].get<std::vector<int64_t>>(), true_heads());
  EXPECT_EQ(json["weights"].get<int64_t>() * 4, json["max_weights"].get<int64_t>()) << "one head of four";
  EXPECT_THAT(cprobe({"inspect", circuit}).out, HasSubstr(fmt::format("heads inside: {}", true_heads().front())));
  EXPECT_THAT(read_bytes(folder_ / "run/results.csv"), HasSubstr(",head,"));

  const ProgramResult ablated =
      cprobe({"ablate", circuit, "--spec", of, "--random-controls", "3", "--threads", "1", "--json"});
  ASSERT_EQ(ablated.exit_code, 0) << ablated.err;
  const ProgramResult exchanged = cprobe({"exchange", circuit, "--spec", of, "--threads", "1"});
  EXPECT_EQ(exchanged.exit_code, 0) << exchanged.err;
  EXPECT_THAT(cprobe({"compare", circuit, circuit}).out, HasSubstr("heads"));
  EXPECT_EQ(cprobe({"report", (folder_ / "run").string()}).exit_code, 0);
}

TEST_F(UnitHead, HasNoPlaceInMlps) {
  const auto refused = [&](const std::string& more) { return cprobe({"fit", spec(more), "--threads", "1"}); };
  const ProgramResult mlp = refused("blocks: [attn, mlp]\nfit: {unit: head}\n");
  EXPECT_EQ(mlp.exit_code, 2);
  EXPECT_THAT(mlp.err, HasSubstr("an MLP has no heads: expected attn"));
  const ProgramResult magnitude = refused("fit: {method: magnitude_pruning, unit: head}\n");
  EXPECT_EQ(magnitude.exit_code, 2);
  EXPECT_THAT(magnitude.err, HasSubstr("compares weights or neurons, not heads"));
}

}  // namespace
}  // namespace cprobe::testing
