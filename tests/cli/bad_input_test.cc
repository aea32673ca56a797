// Each mistake that a user can make ends in one clear message that names file and place, ends with
// exit code 2 (1 if the work failed), and loses nothing.

#include <functional>

#include "tests/cli/mistake.h"

namespace cprobe::testing {
namespace {

using ::testing::HasSubstr;

/// A copy of the toy model with one file changed.
std::string changed_model(const TemporaryFolder& folder, const std::string& file,
                          const std::function<std::string(std::string)>& change) {
  const std::filesystem::path copy = folder / "model";
  std::filesystem::copy(ToyRun::get().model(), copy);
  write_bytes(copy / file, change(read_bytes(copy / file)));
  return copy.string();
}

using Replacements = std::vector<std::pair<std::string, std::string>>;

Mistake in_spec(const std::string& name, const Replacements& replacements, const std::vector<std::string>& message) {
  return {name,
          [replacements](const TemporaryFolder& folder) -> std::vector<std::string> {
            write_bytes(folder / "spec.yaml", ToyRun::get().spec(replacements));
            return {"fit", (folder / "spec.yaml").string(), "--out", (folder / "run").string(), "--threads", "1"};
          },
          message};
}

Mistake in_data(const std::string& name, const std::string& csv, const std::vector<std::string>& message) {
  return {name,
          [csv](const TemporaryFolder& folder) -> std::vector<std::string> {
            write_bytes(folder / "bad.csv", csv);
            write_bytes(folder / "spec.yaml",
                        ToyRun::get().spec({{ToyRun::get().data("train.csv"), (folder / "bad.csv").string()}}));
            return {"fit", (folder / "spec.yaml").string(), "--out", (folder / "run").string(), "--threads", "1"};
          },
          message};
}

Mistake in_model(const std::string& name, const std::string& file,
                 const std::function<std::string(std::string)>& change, const std::vector<std::string>& message) {
  return {name,
          [file, change](const TemporaryFolder& folder) -> std::vector<std::string> {
            write_bytes(folder / "spec.yaml",
                        ToyRun::get().spec({{ToyRun::get().model(), changed_model(folder, file, change)}}));
            return {"fit", (folder / "spec.yaml").string(), "--out", (folder / "run").string(), "--threads", "1"};
          },
          message};
}

std::string many_rows(const std::string& row, int n) {
  std::string text = ",data,labels,var_0\n";
  for (int i = 0; i < n; ++i) text += row;
  return text;
}

std::vector<Mistake> mistakes() {
  const std::string weights = "model.safetensors";
  const auto set_config = [](const std::string& from, const std::string& to) {
    return [from, to](const std::string& text) { return replaced(text, from, to); };
  };
  return {
      in_model("TruncatedWeights", weights, [](const std::string& b) { return b.substr(0, b.size() / 2); },
               {weights, "cut short"}),
      in_model("EmptyWeights", weights, [](const std::string&) { return std::string(); }, {weights}),
      in_model("HeaderLongerThanTheFile", weights,
               [](std::string b) { return b.replace(0, 8, std::string(7, '\xff') + '\x00'); }, {weights}),
      in_model("OverlappingTensors", weights,
               [](const std::string& b) {
                 const size_t at = b.find("\"data_offsets\":[") + 16;
                 const size_t comma = b.find(',', at);
                 std::string lie = b;
                 return lie.replace(at, comma - at, std::string(comma - at, '1'));
               },
               {weights}),
      in_model("MissingTensor", weights, set_config("transformer.ln_f.bias", "transformer.ln_f.bia_"),
               {"transformer.ln_f.bias"}),
      in_model("WrongShape", "config.json", set_config("\"n_inner\": 32", "\"n_inner\": 40"),
               {weights, "c_fc", "shape", "40"}),
      in_model("WrongNumberOfLayers", "config.json", set_config("\"n_layer\": 1", "\"n_layer\": 2"),
               {"transformer.h.1."}),
      in_model("WrongDtype", weights, set_config("{\"dtype\":\"F32\"", "{\"dtype\":\"I32\""), {weights, "dtype"}),
      in_model("NaNWeights", weights,
               [](std::string b) {
                 const std::string nan("\x00\x00\xc0\x7f", 4);
                 return b.replace(b.size() - 4, 4, nan);
               },
               {weights, "NaN"}),
      in_model("ConfigThatChangesNumbers", "config.json",
               set_config("\"model_type\"", "\"is_causal\": false,\n  \"model_type\""),
               {"config.json:", "is_causal = false"}),
      in_model("UnknownArchitecture", "config.json", set_config("\"gpt2\"", "\"gpt9\""), {"gpt9", "gpt2"}),
      in_model("ConfigIsNotJson", "config.json", [](const std::string& t) { return t.substr(0, t.size() - 3); },
               {"config.json:"}),
      {"NoModelFolder",
       [](const TemporaryFolder& folder) -> std::vector<std::string> {
         write_bytes(folder / "spec.yaml", ToyRun::get().spec({{ToyRun::get().model(), "nowhere/at/all"}}));
         return {"fit", (folder / "spec.yaml").string(), "--out", (folder / "run").string()};
       },
       {"nowhere/at/all", "model.safetensors"}},
      in_data("EmptyCsv", "", {"bad.csv"}),
      in_data("MissingColumn", ",data,var_0\n0,1 2 7,1\n", {"bad.csv", "labels"}),
      in_data("RaggedRow", ",data,labels,var_0\n0,1 2 7,3,1\n1,1 3 7,4\n", {"bad.csv:3"}),
      in_data("NotANumber", ",data,labels,var_0\n0,1 2 7,3,1\n1,1 x 7,4,1\n", {"bad.csv:3", "x"}),
      in_data("TokenOutsideTheVocabulary", ",data,labels,var_0\n0,1 2 99,3,1\n", {"bad.csv:2", "99"}),
      in_data("NotUtf8", ",data,labels,var_0\n0,1 2 7,3,\xe9\n", {"bad.csv", "UTF-8"}),
      in_data("OneClassOnly", many_rows("0,1 2 7,3,1\n", 20), {"bad.csv", "var_0", "2 classes"}),
      in_data("ClassWithOneToken", many_rows("0,1 2 7,3,1\n", 20) + "0,1 3 7,4,5\n", {"bad.csv", "class 5"}),
      in_data("BatchLargerThanTheData", ",data,labels,var_0\n0,1 2 7,3,1\n1,1 3 7,4,1\n2,1 3 7,4,2\n3,1 3 7,4,2\n",
              {"batch_size", "8"}),
      in_data("RowLongerThanTheContext", many_rows("0,1 2 3 7,3,1\n1,1 2 4 7,3,2\n", 10), {"bad.csv", "4 tokens", "3"}),
      in_spec("UnknownKey", {{"blocks:", "bloks:"}}, {"spec.yaml:6:", "bloks", "blocks"}),
      in_spec("UnknownNestedKey", {{"epochs", "epoch"}}, {"spec.yaml:7:", "epochs"}),
      in_spec("MissingKey", {{"variables: [var_0]\n", ""}}, {"spec.yaml", "variables"}),
      in_spec("WrongType", {{"epochs: 3", "epochs: many"}}, {"spec.yaml:7:", "many"}),
      in_spec("NegativeNumber", {{"epochs: 3", "epochs: -3"}}, {"spec.yaml:7:", "-3"}),
      in_spec("UnknownVariable", {{"[var_0]", "[var_9]"}}, {"var_9", "var_0"}),
      in_spec("UnknownBlock", {{"[attn, mlp]", "[attention]"}}, {"spec.yaml:6:", "attention", "attn"}),
      in_spec("NoSuchLayer", {{"blocks:", "layers: [4]\nblocks:"}}, {"L4", "layers"}),
      in_spec("BrokenYaml", {{"[attn, mlp]", "[attn, mlp"}}, {"spec.yaml:"}),
      {"NoSpecFile",
       [](const TemporaryFolder& folder) -> std::vector<std::string> {
         return {"fit", (folder / "none.yaml").string()};
       },
       {"none.yaml"}},
      {"FolderNotWritable",
       [](const TemporaryFolder& folder) -> std::vector<std::string> {
         write_bytes(folder / "spec.yaml", ToyRun::get().spec());
         write_bytes(folder / "file", "in the way");
         return {"fit", (folder / "spec.yaml").string(), "--out", (folder / "file/run").string(), "--threads", "1"};
       },
       {"file/run"},
       1},
      {"DataOfNoTask",
       [](const TemporaryFolder& folder) -> std::vector<std::string> {
         return {"data", "agreemnt", "--out", (folder / "data").string()};
       },
       {"'agreemnt' is neither a language task (agreement, reflexive, syntactic_number) nor a file"}},
      {"TooManySentences",
       [](const TemporaryFolder& folder) -> std::vector<std::string> {
         return {"data", "reflexive", "--sentences", "100000000", "--out", (folder / "data").string()};
       },
       {"reflexive.csv: 100000000 sentences wanted, and the lexicon gives at most 85120"}},
      {"DistractorsOfSentences",
       [](const TemporaryFolder& folder) -> std::vector<std::string> {
         return {"data", "agreement", "--uniform-distractors", "--out", (folder / "data").string()};
       },
       {"--uniform-distractors is for arithmetic tasks"}},
      {"SentencesOfArithmetic",
       [](const TemporaryFolder& folder) -> std::vector<std::string> {
         const std::string task = std::string(CPROBE_SOURCE_DIR) + "/examples/tasks/exp1.yaml";
         return {"data", task, "--sentences", "5", "--out", (folder / "data").string()};
       },
       {"--lexicon and --sentences are for language tasks"}},
      {"PlantWithAnOptionOfCompiledModels",
       [](const TemporaryFolder& folder) -> std::vector<std::string> {
         return {"plant", "--tier", "trained", "--gain", "2", "--out", (folder / "planted").string()};
       },
       {"--gain is an option of --tier compiled, not of trained"}},
      {"PlantWithAnOptionOfTrainedModels",
       [](const TemporaryFolder& folder) -> std::vector<std::string> {
         return {"plant", "--share", ".1", "--out", (folder / "planted").string()};
       },
       {"--share is an option of --tier trained, not of compiled"}},
      {"PlantOfNoTier",
       [](const TemporaryFolder& folder) -> std::vector<std::string> {
         return {"plant", "--tier", "grown", "--out", (folder / "planted").string()};
       },
       {"--tier grown: expected compiled or trained"}},
      {"PlantInAComponentThatIsNotTrained",
       [](const TemporaryFolder& folder) -> std::vector<std::string> {
         return {"plant", "--tier", "trained", "--component", "L1.mlp", "--out", (folder / "planted").string()};
       },
       {"a trained model's knob 'component': expected L0.mlp"}},
      {"UnknownOption",
       [](const TemporaryFolder&) -> std::vector<std::string> {
         return {"fit", "--no-such-option"};
       },
       {}},
  };
}

class BadInput : public ::testing::TestWithParam<Mistake> {};

TEST_P(BadInput, EndsInOneClearMessage) {
  expect_one_clear_message(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Table, BadInput, ::testing::ValuesIn(mistakes()),
                         [](const ::testing::TestParamInfo<Mistake>& mistake) { return mistake.param.name; });

TEST(FullDisk, LeavesTheEarlierFilesAsTheyWere) {
  const TemporaryFolder folder;
  const std::string task =
      write_bytes(folder / "task.yaml",
                  "name: toy\nmodulus: 31\noperands: [a, b]\ntokens: [a, b, 31]\nanswer: (a + b) % p\n"
                  "variables: {var_0: a}\n")
          .string();
  ASSERT_EQ(cprobe({"data", task, "--out", (folder / "data").string(), "--seed", "1"}).exit_code, 0);
  const std::string before = read_bytes(folder / "data/train.csv");
  const ProgramResult full = cprobe({"data", task, "--out", (folder / "data").string(), "--seed", "2"}, 1000);
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_THAT(full.err, HasSubstr("train.csv"));
  EXPECT_EQ(read_bytes(folder / "data/train.csv"), before);
}

TEST(FullDisk, EndsAFitWithAMessageAndTheRunContinuesLater) {
  const TemporaryFolder folder;
  write_bytes(folder / "spec.yaml", ToyRun::get().spec());
  const auto command = [&](const std::string& run) -> std::vector<std::string> {
    return {"fit", (folder / "spec.yaml").string(), "--out", (folder / run).string(), "--threads", "1"};
  };
  ASSERT_EQ(cprobe(command("undisturbed")).exit_code, 0);
  // The disk is full at the first file, or while cells are recorded: the journal of two cells takes
  // 100 to 200 KB.
  for (const rlim_t limit : {1'000, 60'000, 120'000, 140'000, 160'000}) {
    const std::string run = "run_" + std::to_string(limit);
    const ProgramResult full = cprobe(command(run), limit);
    EXPECT_EQ(full.exit_code, 1) << limit << ": " << full.err;
    EXPECT_THAT(full.err, HasSubstr("run.sqlite")) << limit;
    const ProgramResult again = cprobe(command(run));
    EXPECT_EQ(again.exit_code, 0) << limit << ": " << again.err;
    EXPECT_EQ(read_bytes(folder / run / "results.csv"), read_bytes(folder / "undisturbed/results.csv")) << limit;
  }
}

}  // namespace
}  // namespace cprobe::testing
