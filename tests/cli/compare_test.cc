// cprobe compare: the overlap of circuits, and circuits made of several.

#include <nlohmann/json.hpp>
#include <sstream>

#include "cprobe/circuit/circuit_sets.h"
#include "cprobe/io/safetensors.h"
#include "cprobe/model/model.h"
#include "tests/cli/program.h"

namespace cprobe::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class Compare : public ::testing::Test {
 protected:
  /// Saves a circuit of a component of the toy model, by default the MLP (16 x 32, 32 x 16): the
  /// units in [from, to) of each matrix. @return the file's path.
  std::string save(const std::string& name, int64_t from, int64_t to, ComponentRef component = {0, Block::kMlp}) {
    Circuit circuit{.matrices = matrices_of(read_model_config(ToyRun::get().model() + "/config.json"), component),
                    .provenance = {{"variable", name}, {"seed", "5"}}};
    for (const MatrixInfo& m : circuit.matrices) {
      const at::Tensor units = at::arange(m.n_out);
      circuit.members.push_back((units >= from) & (units < to));
    }
    save_circuit(circuit, path(name));
    return path(name);
  }

  std::string path(const std::string& name) const { return (folder_ / (name + ".safetensors")).string(); }

  void expect_refused(const std::vector<std::string>& arguments, const std::vector<std::string>& message,
                      int exit_code = 2) const {
    const ProgramResult result = cprobe(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    for (const std::string& part : message) EXPECT_THAT(result.err, HasSubstr(part));
    EXPECT_EQ(result.out, "");
  }

  TemporaryFolder folder_;
};

TEST_F(Compare, PrintsTheOverlapOfTwo) {
  const ProgramResult result = cprobe({"compare", save("a", 0, 4), save("b", 2, 10), "--model", ToyRun::get().model()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("L0.mlp, unit neuron\n"));
  EXPECT_THAT(result.out, ContainsRegex("\n1 +a +5 +8 +48 +proper part +/"));
  EXPECT_THAT(result.out, ContainsRegex("\n1, 2 +[a-z0-9.]+c_fc.weight +neurons +32 +4 +8 +2 +1.0 +0.200 +0.254 +"));
  EXPECT_THAT(result.out, ContainsRegex("\n1, 2 +all +neurons +48 +8 +16 +4 +3.0 +0.200 "));
  EXPECT_THAT(result.out, ContainsRegex("\n1, 2 +all +weights +1024 +192 +384 +96 +0.200"));
}

TEST_F(Compare, AsksForTheModelWhereItCannotCountWeights) {
  const ProgramResult result = cprobe({"compare", save("a", 0, 4), save("b", 0, 0)});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("Pass --model FOLDER for the number of weights"));
  EXPECT_THAT(result.out, ContainsRegex("\n2 +b +5 +0 +48 +empty "));
  EXPECT_THAT(result.out, ContainsRegex("\n1, 2 +all +neurons +48 +8 +0 +0 +0.0 +0.000 +- +- +second empty\n"));
}

TEST_F(Compare, PrintsAJsonObjectForEveryPair) {
  const ProgramResult result = cprobe({"compare", save("a", 0, 4), save("b", 0, 16), save("c", 0, 32), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::vector<Json> lines;
  std::istringstream stream(result.out);
  for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0]["first"], path("a"));
  EXPECT_EQ(lines[0]["second"], path("b"));
  EXPECT_EQ(lines[0]["component"], "L0.mlp");
  EXPECT_EQ(lines[0]["unit"], "neuron");
  EXPECT_EQ(lines[0]["all"]["units"]["both"], 8);
  EXPECT_EQ(lines[0]["all"]["units"]["either"], 32);
  EXPECT_EQ(lines[0]["all"]["weights"], Json());
  // Four of c_fc's 32 units are all among 16: C(16, 4) / C(32, 4). All 16 units of c_proj are in b,
  // so c_proj leaves no choice.
  EXPECT_NEAR(lines[0]["all"]["p_more"], 1820. / 35960, 1e-12);
  EXPECT_EQ(lines[0]["all"]["p_fewer"], 1);
  EXPECT_EQ(lines[0]["matrices"][1]["note"], "second full");
  EXPECT_EQ(lines[2]["first"], path("b"));
  EXPECT_EQ(lines[2]["all"]["p_more"], Json());
  EXPECT_EQ(lines[2]["all"]["note"], "second full");
}

TEST_F(Compare, WritesCircuitsThatAblateTakes) {
  const ProgramResult result = cprobe({"compare", save("a", 0, 4), save("b", 2, 10), "--union", path("or"),
                                       "--intersection", path("and"), "--difference", path("but not")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(read_circuit_file(path("or")).n_units(), 20);
  EXPECT_EQ(read_circuit_file(path("and")).n_units(), 4);
  const CircuitFile difference = read_circuit_file(path("but not"));
  EXPECT_EQ(difference.n_units(), 4);
  EXPECT_EQ(difference.provenance.at("made_of"), path("a") + ", " + path("b"));
  EXPECT_EQ(difference.provenance.at("method"), "difference");
  EXPECT_EQ(difference.provenance.at("seed"), "5");
  EXPECT_THAT(result.err, HasSubstr("difference: 4 of 48 units (proper part), in " + path("but not")));
  for (const char* name : {"or", "and", "but not"}) {
    const ProgramResult ablated = cprobe({"ablate", path(name), "--model", ToyRun::get().model(), "--data",
                                          ToyRun::get().data("test.csv"), "--random-controls", "1", "--threads", "1"});
    EXPECT_EQ(ablated.exit_code, 0) << ablated.err;
  }
}

TEST_F(Compare, NotesThatTheCircuitsAreOfDifferentModels) {
  const auto of_model = [&](const std::string& name, const std::string& fingerprint) {
    CircuitFile circuit = read_circuit_file(save(name, 0, 4));
    circuit.provenance["model_fingerprint"] = fingerprint;
    save_circuit(circuit, path(name));
    return path(name);
  };
  const std::string one = of_model("one", "17"), same = of_model("same", "17"), other = of_model("other", "18");
  EXPECT_EQ(cprobe({"compare", one, same, save("unknown", 0, 4)}).err, "");
  EXPECT_EQ(cprobe({"compare", one, of_model("later version", "w2:17")}).err, "") << "cannot be told";
  const ProgramResult result = cprobe({"compare", one, same, other});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("note: " + one + " and " + other + " were found in different models"));
}

TEST_F(Compare, ReplacesAFileOnlyWhenAsked) {
  const std::vector<std::string> command = {"compare", save("a", 0, 4), save("b", 8, 9), "--intersection", path("and")};
  EXPECT_EQ(cprobe(command).exit_code, 0);
  expect_refused(command, {path("and") + ": exists already", "--intersection", "--overwrite"});
  std::vector<std::string> overwriting = command;
  overwriting.push_back("--overwrite");
  const ProgramResult result = cprobe(overwriting);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("intersection: 0 of 48 units (empty)"));
}

TEST_F(Compare, RefusesWhatCannotBeCompared) {
  const std::string a = save("a", 0, 4);
  expect_refused({"compare", a}, {"circuits"});
  expect_refused({"compare", a, path("nowhere")}, {path("nowhere")});
  expect_refused({"compare", a, ToyRun::get().model() + "/model.safetensors"}, {"not a circuit file"});
  expect_refused({"compare", a, save("attention", 0, 4, {0, Block::kAttention})},
                 {a + " is a circuit of L0.mlp", path("attention") + " of L0.attn"});
  CircuitFile other = read_circuit_file(a);
  for (auto& [tensor, member] : other.members) member = at::ones({9}, at::kBool);
  save_circuit(other, path("sizes"));
  expect_refused({"compare", a, path("sizes")}, {path("sizes"), "is [9], but [32] in " + a});
  expect_refused({"compare", path("sizes"), path("sizes"), "--model", ToyRun::get().model()},
                 {path("sizes"), "was the circuit found in another model?"});
  for (auto& [tensor, member] : other.members) member = at::ones({9, 2}, at::kBool);
  other.unit = MaskUnit::kWeight;
  save_circuit(other, path("unit"));
  expect_refused({"compare", a, path("unit")}, {"in unit neuron", "in unit weight"});
  write_bytes(folder_ / "file", "");
  expect_refused({"compare", a, a, "--union", (folder_ / "file/below").string()}, {"file/below"}, 1);
}

}  // namespace
}  // namespace cprobe::testing
