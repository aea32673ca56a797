// Implants, and the power of a search, through the program.

#include <nlohmann/json.hpp>

#include "tests/cli/mistake.h"
#include "tests/cli/program.h"

namespace cprobe::testing {
namespace {

using ::testing::HasSubstr;

/// A small compiled model with its data, made once.
class PlantedHost {
 public:
  static const PlantedHost& get() {
    static const PlantedHost host;
    return host;
  }
  std::string model() const { return (folder_ / "host").string(); }
  /// A spec whose search takes a second.
  std::string spec(const std::string& more = "") const {
    return "model: " + model() + "\ntask: {name: planted, train: " + model() + "/train.csv, test: " + model() +
           "/test.csv}\nvariables: [merged]\nfit: {batch_size: 64, epochs: 2}\n" + more;
  }

 private:
  PlantedHost() {
    const ProgramResult made = cprobe({"plant", "--out", model(), "--component", "L1.mlp", "--operands", "8",
                                       "--classes", "2", "--distractors", "0", "--threads", "1"});
    if (made.exit_code != 0) throw std::runtime_error(made.err);
  }
  TemporaryFolder folder_;
};

TEST(PlantInto, WritesAFolderWhoseTruthHoldsAndThatFitReads) {
  const TemporaryFolder folder;
  const std::string spec = write_bytes(folder / "spec.yaml", PlantedHost::get().spec()).string();
  const std::string out = (folder / "implant").string();
  const std::vector<std::string> command = {"plant",      "--spec", spec,    "--component", "L0.mlp",    "--units", "4",
                                            "--strength", "0.5",    "--out", out,           "--threads", "1"};
  const ProgramResult made = cprobe(command);
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("4 units of L0.mlp compute a random partition of token"));
  EXPECT_THAT(made.out, HasSubstr("the truth holds"));
  EXPECT_THAT(read_bytes(folder / "implant/train.csv"), HasSubstr(",implant\n"));
  const nlohmann::json truth = nlohmann::json::parse(read_bytes(folder / "implant/truth.json"));
  EXPECT_EQ(truth["tier"], "implant");
  EXPECT_EQ(truth["knobs"]["strength"], "0.5");
  EXPECT_EQ(truth["knobs"]["accuracy_before"], "1");
  EXPECT_EQ(truth["variables"][0]["matrices"]["c_fc"]["units"].size(), 4);
  EXPECT_THAT(cprobe({"plant", "--check", out}).out, HasSubstr("implant: exchanging its units moves it in 1.000"));
  EXPECT_EQ(cprobe({"fit", out + "/spec.yaml", "--threads", "1"}).exit_code, 0);

  const std::string bytes =
      read_bytes(folder / "implant/model.safetensors") + read_bytes(folder / "implant/truth.json");
  ASSERT_EQ(cprobe(command).exit_code, 0);
  EXPECT_EQ(bytes, read_bytes(folder / "implant/model.safetensors") + read_bytes(folder / "implant/truth.json"));

  // A truth that says of an old unit that it is implanted, and the other way round.
  nlohmann::ordered_json wrong = nlohmann::ordered_json::parse(read_bytes(folder / "implant/truth.json"));
  auto& matrix = wrong["variables"][0]["matrices"]["c_fc"];
  for (size_t i = 0; i < 4; ++i) std::swap(matrix["units"][i], matrix["other"][i]);
  write_bytes(folder / "implant/truth.json", wrong.dump());
  const ProgramResult refused = cprobe({"plant", "--check", out});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("the truth about 'implant' in L0.mlp does not hold"));
}

TEST(Power, SearchesImplantsOnceAndSaysWhatWouldHaveBeenFound) {
  const TemporaryFolder folder;
  const std::string spec = write_bytes(folder / "spec.yaml", PlantedHost::get().spec()).string();
  const std::vector<std::string> command = {"power",     spec, "--component", "L1.mlp",
                                            "--units",   "4",  "--strengths", "2,0.5",
                                            "--seeds",   "1",  "--out",       (folder / "power").string(),
                                            "--threads", "1"};
  const ProgramResult first = cprobe(command);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("This search would"));
  EXPECT_THAT(first.err, HasSubstr("strength 0.5, implant 0: present: "));
  EXPECT_FALSE(std::filesystem::exists(folder / "power/L1.mlp_strength_2_implant_0/model.safetensors"));

  const std::filesystem::path record = folder / "power/L1.mlp_strength_2_implant_0/run/run.sqlite";
  const auto written = std::filesystem::last_write_time(record);
  std::vector<std::string> with_json = command;
  with_json.emplace_back("--json");
  const ProgramResult second = cprobe(with_json);
  ASSERT_EQ(second.exit_code, 0) << second.err;
  const nlohmann::json power = nlohmann::json::parse(second.out);
  EXPECT_EQ(std::filesystem::last_write_time(record), written) << "nothing is computed twice";
  ASSERT_EQ(power["strengths"].size(), 2);
  EXPECT_EQ(power["strengths"][0]["strength"], 0.5);
  for (const nlohmann::json& search : power["searches"]) EXPECT_TRUE(search["was_there"]);
  EXPECT_THAT(first.out, HasSubstr(power["sentence"].get<std::string>()));
}

class ImplantMistake : public ::testing::TestWithParam<Mistake> {};

TEST_P(ImplantMistake, IsNamed) {
  const TemporaryFolder folder;
  const ProgramResult result = cprobe(GetParam().arguments(folder));
  EXPECT_EQ(result.exit_code, GetParam().exit_code) << result.err;
  for (const std::string& part : GetParam().message) EXPECT_THAT(result.err, HasSubstr(part));
}

std::vector<std::string> of_power(const TemporaryFolder& folder, const std::vector<std::string>& more,
                                  const std::string& in_spec = "") {
  std::vector<std::string> words = {"power",
                                    write_bytes(folder / "spec.yaml", PlantedHost::get().spec(in_spec)).string(),
                                    "--out", (folder / "power").string()};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

INSTANTIATE_TEST_SUITE_P(
    Of, ImplantMistake,
    ::testing::Values(
        Mistake{"negative strength", [](auto& f) { return of_power(f, {"--strengths=-1"}); }, {"--strengths: -1"}},
        Mistake{"strength twice",
                [](auto& f) {
                  return of_power(f, {"--strengths", "1,1"});
                },
                {"1 stands there twice"}},
        Mistake{"no implants",
                [](auto& f) {
                  return of_power(f, {"--seeds", "0"});
                },
                {"--seeds 0"}},
        Mistake{"no units",
                [](auto& f) {
                  return of_power(f, {"--units", "0"});
                },
                {"--units 0"}},
        Mistake{"fewer units than classes",
                [](auto& f) {
                  return of_power(f, {"--units", "2"});
                },
                {"2 units", "each of 4 classes"}},
        Mistake{"attention",
                [](auto& f) {
                  return of_power(f, {"--component", "L0.attn"});
                },
                {"L0.attn: only MLPs", "choose L0.mlp"}},
        Mistake{"no such layer",
                [](auto& f) {
                  return of_power(f, {"--component", "L7.mlp"});
                },
                {"L7"}},
        Mistake{
            "a spec without MLPs", [](auto& f) { return of_power(f, {}, "blocks: [attn]\n"); }, {"--component L0.mlp"}},
        Mistake{"no nulls",
                [](auto& f) { return of_power(f, {}, "evaluate: {null_variables: 0}\n"); },
                {"evaluate.null_variables"}},
        Mistake{"implant without a spec",
                [](auto& f) {
                  return std::vector<std::string>{"plant", "--into", PlantedHost::get().model(), "--out",
                                                  (f / "implant").string()};
                },
                {"--into", "needs --spec"}},
        Mistake{"implant into its own model",
                [](auto& f) {
                  return std::vector<std::string>{"plant",
                                                  "--spec",
                                                  write_bytes(f / "spec.yaml", PlantedHost::get().spec()).string(),
                                                  "--component",
                                                  "L1.mlp",
                                                  "--out",
                                                  PlantedHost::get().model()};
                },
                {"a folder of its own"}}),
    [](const auto& mistake) {
      std::string name = mistake.param.name;
      std::ranges::replace(name, ' ', '_');
      return name;
    });

}  // namespace
}  // namespace cprobe::testing
