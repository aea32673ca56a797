// What each command prints: for people, and as JSON for programs.

#include <nlohmann/json.hpp>
#include <sstream>

#include "cprobe/io/safetensors.h"
#include "cprobe/model/gemm.h"
#include "cprobe/record/provenance.h"
#include "tests/cli/program.h"
#include "tests/tensors.h"
#include "tests/tokenizer/small_tokenizer.h"

namespace cprobe::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

Json json_of(const std::vector<std::string>& arguments) {
  const ProgramResult result = cprobe(arguments);
  if (result.exit_code != 0) throw std::runtime_error(result.err);
  return Json::parse(result.out);
}

std::vector<Json> json_lines(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
  return lines;
}

/// A finished run of the toy model, made once.
class FinishedRun : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder = new TemporaryFolder;
    write_bytes(*folder / "spec.yaml", ToyRun::get().spec());
    fitted = cprobe({"fit", (*folder / "spec.yaml").string(), "--out", run(), "--threads", "1", "--json"});
  }
  static void TearDownTestSuite() { delete folder; }

  static std::string run() { return (*folder / "run").string(); }
  static std::string circuit() {
    for (const auto& file : std::filesystem::directory_iterator(*folder / "run/circuits")) {
      if (file.path().string().find("attn") != std::string::npos) return file.path().string();
    }
    throw std::runtime_error("the run has no circuit of the attention block");
  }

  static inline TemporaryFolder* folder = nullptr;
  static inline ProgramResult fitted;
};

TEST_F(FinishedRun, FitPrintsOneJsonObjectACell) {
  ASSERT_EQ(fitted.exit_code, 0) << fitted.err;
  const std::vector<Json> cells = json_lines(fitted.out);
  ASSERT_EQ(cells.size(), 2u);
  EXPECT_EQ(cells[0]["operation"], "attn");
  EXPECT_EQ(cells[1]["operation"], "mlp");
  EXPECT_TRUE(cells[0]["knn test acc"].is_number());
  EXPECT_EQ(cells[0]["knn draws"], 3);
}

TEST_F(FinishedRun, ADryRunSaysWhatTheRunTakesAndWritesNothing) {
  const std::filesystem::path never = *folder / "never";
  const std::vector<std::string> command = {
      "fit", (*folder / "spec.yaml").string(), "--out", never.string(), "--threads", "1", "--dry-run"};
  const ProgramResult planned = cprobe(command);
  EXPECT_EQ(planned.exit_code, 0) << planned.err;
  EXPECT_THAT(planned.out, HasSubstr("L0.attn seed 0"));
  EXPECT_THAT(planned.out, HasSubstr("2 cells to compute: about "));
  EXPECT_THAT(planned.out, HasSubstr("Peak memory: about "));
  EXPECT_THAT(planned.out, HasSubstr("What these rows and types could tell"));
  EXPECT_THAT(planned.out, HasSubstr("Assumed standard deviations: 0.25 between types"));
  std::vector<std::string> with_json = command;
  with_json.insert(with_json.end(), {"--json", "--memory", "0"});
  const Json plan = json_of(with_json);
  EXPECT_EQ(plan["cells"].size(), 2u);
  EXPECT_GT(plan["seconds"], 0.0);
  EXPECT_LE(plan["seconds_at_least"], plan["seconds"]);
  EXPECT_LE(plan["cells"][0]["seconds_if_empty"], plan["cells"][0]["seconds"]);
  EXPECT_GT(plan["cells"][0]["decoding_seconds"], 0.0);
  EXPECT_EQ(plan["streams_on_disk"], true);
  ASSERT_EQ(plan["power"].size(), 5u) << "of one variable on one data set";
  EXPECT_EQ(plan["power"][0]["question"], "present");
  EXPECT_EQ(plan["power"][0]["variables"], Json({"var_0"}));
  EXPECT_EQ(plan["power"][0]["type_sd"], .25);
  EXPECT_FALSE(std::filesystem::exists(never));
}

TEST_F(FinishedRun, InspectDescribesTheRun) {
  const Json json = json_of({"inspect", run(), "--json"});
  EXPECT_EQ(json["kind"], "run");
  EXPECT_EQ(json["cells"].size(), 2u);
  EXPECT_EQ(json["cells"][0]["status"], "done");
  EXPECT_THAT(json["invocations"][0]["spec"].get<std::string>(), HasSubstr("variables: [var_0]"));
  const ProgramResult text = cprobe({"inspect", run()});
  EXPECT_THAT(text.out, HasSubstr("var_0 L0.attn seed 0"));
  EXPECT_THAT(text.out, HasSubstr("variables: [var_0]"));
  EXPECT_THAT(text.out, HasSubstr("  present: Is the variable present in what the mask writes?\n"));
}

TEST_F(FinishedRun, InspectDescribesACircuitAndItsHeads) {
  const Json json = json_of({"inspect", circuit(), "--model", ToyRun::get().model(), "--json"});
  EXPECT_EQ(json["kind"], "circuit");
  EXPECT_EQ(json["component"], "L0.attn");
  EXPECT_EQ(json["max_weights"], 16 * 48 + 16 * 16);
  int64_t in_heads = 0, in_matrix = 0;
  for (const char* part : {"q", "k", "v"}) {
    ASSERT_EQ(json["heads"][part].size(), 4u);
    for (const Json& n : json["heads"][part]) in_heads += n.get<int64_t>();
  }
  for (const Json& matrix : json["matrices"]) {
    if (matrix["tensor"].get<std::string>().find("c_attn") != std::string::npos) in_matrix = matrix["units"];
  }
  EXPECT_EQ(in_heads, in_matrix) << "every unit of c_attn belongs to one head";
  const ProgramResult text = cprobe({"inspect", circuit()});
  EXPECT_THAT(text.out, HasSubstr("model_fingerprint"));
  EXPECT_THAT(text.out, HasSubstr("\nanswers, with p adjusted over the run\ndata "));
  EXPECT_THAT(text.out, HasSubstr("Is the variable present in what the mask writes?"));
  ASSERT_FALSE(json["answers"].empty());
  EXPECT_EQ(json["answers"][0]["data"], "Test");
  EXPECT_EQ(json["answers"][0]["name"], "present");
  const std::filesystem::path moved = *folder / "moved.safetensors";
  std::filesystem::copy_file(circuit(), moved);
  EXPECT_TRUE(json_of({"inspect", moved.string(), "--json"})["answers"].empty()) << "away from its run";
}

TEST_F(FinishedRun, InspectDescribesAModel) {
  const Json json = json_of({"inspect", ToyRun::get().model(), "--json"});
  EXPECT_EQ(json["kind"], "model");
  EXPECT_EQ(json["matrices"].size(), 4u);
  EXPECT_EQ(cprobe({"inspect", (*folder / "spec.yaml").string()}).exit_code, 2);
}

TEST_F(FinishedRun, AblatePrintsTheUntouchedModelFirst) {
  const ProgramResult result = cprobe({"ablate", circuit(), "--model", ToyRun::get().model(), "--data",
                                       ToyRun::get().data("test.csv"), "--random-controls", "2", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<Json> lines = json_lines(result.out);
  EXPECT_EQ(lines.at(0)["target"], "none");
  EXPECT_EQ(lines.at(1)["target"], "circuit");
  EXPECT_EQ(lines.back()["target"], "complement");
  EXPECT_THAT(result.err, Not(HasSubstr("another model")));
}

TEST(Doctor, PassesOnASoundModelAndFailsOnAChangedGolden) {
  const std::string model = std::string(CPROBE_SOURCE_DIR) + "/tests/golden/gpt2";
  const Json sound = json_of({"doctor", model, "--json"});
  EXPECT_TRUE(sound["ok"].get<bool>());
  EXPECT_GT(sound["checks"].size(), 20u);

  const SafetensorsFile golden = SafetensorsFile::open(model + "/golden.safetensors");
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, info] : golden.tensors()) tensors[name] = golden.tensor(name).clone();
  tensors.at("logits")[0][0][0] += 1;
  const TemporaryFolder folder;
  write_safetensors(folder / "changed.safetensors", tensors);
  const ProgramResult changed = cprobe({"doctor", model, "--golden", (folder / "changed.safetensors").string()});
  EXPECT_EQ(changed.exit_code, 1);
  EXPECT_THAT(changed.out, ::testing::ContainsRegex("logits +[0-9.e+-]+ +2.0e-05 +FAIL +entry \\[0, 0, 0\\]"));
  EXPECT_THAT(changed.err, HasSubstr("1 of"));
}

TEST(Inspect, WritesTheLogitsOfGivenIds) {
  const TemporaryFolder folder;
  const std::string model = CPROBE_SOURCE_DIR "/tests/golden/gpt2", out = (folder / "logits.safetensors").string();
  const SafetensorsFile golden = SafetensorsFile::open(model + "/golden.safetensors");
  const at::Tensor ids = golden.tensor("input_ids"), lengths = golden.tensor("lengths");
  Json rows = Json::array();
  for (int64_t r = 0; r < ids.size(0); ++r) {
    const int64_t* row = ids[r].data_ptr<int64_t>();
    rows.push_back(std::vector<int64_t>(row, row + lengths[r].item<int64_t>()));
  }
  const std::string path = write_bytes(folder / "ids.json", rows.dump()).string();
  const ProgramResult done = cprobe({"inspect", model, "--logits", path, "--out", out});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  const SafetensorsFile written = SafetensorsFile::open(out);
  EXPECT_TRUE(at::equal(written.tensor("lengths"), lengths));
  EXPECT_TRUE(at::equal(written.tensor("input_ids"), ids * golden.tensor("attention_mask")));
  EXPECT_TRUE(agree(written.tensor("logits"), golden.tensor("logits"), 2e-5));

  const auto refused = [&](const std::string& text, const char* message) {
    const std::string bad = write_bytes(folder / "bad.json", text).string();
    const ProgramResult result = cprobe({"inspect", model, "--logits", bad, "--out", out});
    EXPECT_EQ(result.exit_code, 2) << text;
    EXPECT_THAT(result.err, HasSubstr(message)) << text;
  };
  refused("[]", "at least one row");
  refused("[[1], []]", "at least one token");
  refused("[[1, -2]]", "at least 0");
  refused("[[1, 2.5]]", "bad.json:1");
  refused("[[100000]]", "outside the model's vocabulary");
  EXPECT_THAT(cprobe({"inspect", model, "--logits", path}).err, HasSubstr("--out"));
}

TEST(Data, WritesSentencesOfTheBuiltInLexicon) {
  const TemporaryFolder folder;
  const std::string out = (folder / "data").string();
  const ProgramResult result = cprobe({"data", "agreement", "--out", out});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, out + "/agreement.csv: 6160 sentences\n" + out + "/agreement_gen.csv: 5000 sentences\n");
  const std::string lexicon = std::string(CPROBE_SOURCE_DIR) + "/examples/lexicon.yaml";
  ASSERT_EQ(cprobe({"data", "agreement", "--lexicon", lexicon, "--out", (folder / "same").string()}).exit_code, 0);
  for (const char* file : {"agreement.csv", "agreement_gen.csv"}) {
    EXPECT_EQ(read_bytes(folder / "same" / file), read_bytes(folder / "data" / file)) << file;
  }
}

TEST(Data, TakesSentencesLexiconAndSeed) {
  const TemporaryFolder folder;
  write_bytes(folder / "lexicon.yaml", "nouns: {cat: cats}\nsyntactic_number: {iid: ['the {subject} {noun}']}\n");
  const ProgramResult refused = cprobe({"data", "syntactic_number", "--lexicon", (folder / "lexicon.yaml").string(),
                                        "--out", (folder / "data").string()});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("lexicon.yaml:2:"));
  for (const char* seed : {"1", "2"}) {
    const ProgramResult result =
        cprobe({"data", "syntactic_number", "--sentences", "40", "--seed", seed, "--out", (folder / seed).string()});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("syntactic_number.csv: 40 sentences"));
  }
  EXPECT_NE(read_bytes(folder / "1/syntactic_number.csv"), read_bytes(folder / "2/syntactic_number.csv"));
}

TEST(Train, PrintsItsResultAsJson) {
  const TemporaryFolder folder;
  const Json json =
      json_of({"train", "--train", ToyRun::get().data("train.csv"), "--test", ToyRun::get().data("test.csv"), "--out",
               (folder / "run").string(), "--steps", "3", "--d-model", "16", "--d-mlp", "32", "--json"});
  EXPECT_EQ(json["step"], 3);
  EXPECT_TRUE(json["test_accuracy"].is_number());
}

TEST(Train, GoesOnToMoreStepsAndKeepsTheBest) {
  const TemporaryFolder folder;
  const auto train = [&](const std::string& out, const std::string& steps) -> std::vector<std::string> {
    return {"train",
            "--train",
            ToyRun::get().data("train.csv"),
            "--test",
            ToyRun::get().data("test.csv"),
            "--out",
            (folder / out).string(),
            "--steps",
            steps,
            "--keep",
            "best",
            "--evaluate-every",
            "2",
            "--d-model",
            "16",
            "--d-mlp",
            "32",
            "--json"};
  };
  const Json whole = json_of(train("whole", "9"));
  json_of(train("grown", "5"));
  const Json grown = json_of(train("grown", "9"));
  EXPECT_EQ(grown["resumed_at"], 5);
  EXPECT_EQ(grown["fingerprint"], whole["fingerprint"]);
  EXPECT_EQ(grown["best"]["step"], whole["best"]["step"]);
  EXPECT_EQ(grown["best"]["model"], (folder / "grown/best").string());
  for (const char* file : {"curve.csv", "settings.json", "best/model.safetensors", "state/training.safetensors"}) {
    EXPECT_EQ(read_bytes(folder / "grown" / file), read_bytes(folder / "whole" / file)) << file;
  }
  const ProgramResult fewer = cprobe(train("grown", "8"));
  EXPECT_EQ(fewer.exit_code, 2);
  EXPECT_THAT(fewer.err, HasSubstr("has done 9 steps, and 8 are asked for"));
}

/// Writes a task whose rows begin with `token`. @return the path of the file.
std::string write_task(const TemporaryFolder& folder, const std::string& name, const std::string& token) {
  return write_bytes(folder / (name + ".yaml"), "name: " + name + "\nmodulus: 7\noperands: [a, b]\ntokens: [" + token +
                                                    ", a, b, 7]\nanswer: (a + b) % p\nvariables: {var_0: a}\n")
      .string();
}

TEST(Train, LearnsSeveralTasksAtOnce) {
  const TemporaryFolder folder;
  const std::vector<std::string> sizes = {"--steps", "3", "--d-model", "16", "--d-mlp", "32", "--json"};
  const auto train = [&](std::vector<std::string> arguments, const std::string& out) {
    arguments.insert(arguments.begin(), "train");
    arguments.insert(arguments.end(), {"--out", (folder / out).string()});
    arguments.insert(arguments.end(), sizes.begin(), sizes.end());
    return json_of(arguments);
  };
  const Json together = train({write_task(folder, "one", "8"), write_task(folder, "two", "9")}, "tasks");
  const auto data = [&](const std::string& task, const char* file) {
    return (folder / "tasks/data" / task / file).string();
  };
  const Json from_files = train({"--train", data("one", "train.csv"), data("two", "train.csv"), "--test",
                                 data("one", "test.csv"), "--test", data("two", "test.csv")},
                                "files");
  EXPECT_EQ(from_files["fingerprint"], together["fingerprint"]) << "the same rows, in the same order";
  const Json of_one = train({"--train", data("one", "train.csv"), "--test", data("one", "test.csv")}, "one");
  EXPECT_NE(of_one["fingerprint"], together["fingerprint"]);
}

TEST(Help, EndsInAnExample) {
  for (const std::vector<std::string>& command : {std::vector<std::string>{"data"},
                                                  {"train"},
                                                  {"fit"},
                                                  {"baseline"},
                                                  {"ablate"},
                                                  {"compare"},
                                                  {"inspect"},
                                                  {"report"},
                                                  {"doctor"},
                                                  {"reproduce", "exp1"},
                                                  {"reproduce", "exp2"},
                                                  {"reproduce", "exp3"},
                                                  {"reproduce", "exp4"}}) {
    std::vector<std::string> arguments = command;
    arguments.emplace_back("--help");
    const ProgramResult help = cprobe(arguments);
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.out, HasSubstr("Example")) << command.front();
    EXPECT_THAT(help.out, HasSubstr("\n  cprobe " + command.front())) << command.front();
  }
}

TEST(Version, SaysWhatComputes) {
  const ProgramResult version = cprobe({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.out, versions() + "\n");
  EXPECT_THAT(version.out, HasSubstr(gemm_library())) << "multiplies matrices";
}

TEST(Arguments, ThatNoOptionTakesAreNamedInTheirOrder) {
  const auto error_of = [](const std::vector<std::string>& words) {
    const ProgramResult result = cprobe(words);
    EXPECT_EQ(result.exit_code, 2);
    return result.err;
  };
  EXPECT_EQ(error_of({"fit", "x.yaml", "--treads", "2"}),
            "cprobe: fit: unknown option --treads, did you mean --threads?\n");
  EXPECT_EQ(error_of({"fit", "x.yaml", "--job=2", "--treads=2"}),
            "cprobe: fit: unknown option --job=2, did you mean --jobs?\n");
  EXPECT_EQ(error_of({"fit", "x.yaml", "--positions", "2"}),
            "cprobe: fit: unknown option --positions; --help lists all\n");
  EXPECT_EQ(error_of({"fit", "x.yaml", "y.yaml", "z.yaml"}), "cprobe: fit: unexpected argument 'y.yaml'\n");
  EXPECT_THAT(error_of({"fit", "x.yaml", "--treads", "2", "--json"}), HasSubstr("\"kind\":\"input\""));
}

TEST(Help, OfDataSaysThatANameWins) {
  const std::string help = cprobe({"data", "--help"}).out;
  EXPECT_THAT(help, HasSubstr("\n  cprobe data agreement --out data/agreement"));
  EXPECT_THAT(help, HasSubstr("sentences of that language task, even where a file has this name"));
}

/// The toy model with a tokenizer that knows the letters a to d and " b".
class ModelWithTokenizer : public ::testing::Test {
 protected:
  ModelWithTokenizer() { copy_toy_with_tokenizer(folder_.path()); }
  std::string path() const { return folder_.path().string(); }

  TemporaryFolder folder_;
};

TEST_F(ModelWithTokenizer, ShowsTheTokensOfAText) {
  EXPECT_EQ(json_of({"inspect", path(), "--tokens", "a b", "--json"}),
            Json::parse(R"({"ids": [0, 5], "tokens": ["a", "Ġb"]})"));
  EXPECT_THAT(cprobe({"inspect", path(), "--tokens", "a b"}).out, HasSubstr("Ġb"));
}

TEST_F(ModelWithTokenizer, ShowsTheLikeliestNextTokens) {
  const Json next = json_of({"inspect", path(), "--next", "a b", "--of", " b", "--of", "c", "--json"});
  ASSERT_EQ(next.at("top").size(), 8u);  // The whole vocabulary, which has fewer than ten tokens.
  for (size_t i = 1; i < 8; ++i) EXPECT_GE(next["top"][i - 1]["logit"], next["top"][i]["logit"]);
  EXPECT_EQ(next.at("of").size(), 2u);
  double total = 0;
  for (const Json& token : next["top"]) total += token["probability"].get<double>();
  EXPECT_NEAR(total, 1, 1e-9) << "of the whole vocabulary";
  for (const Json& token : next["top"]) {
    if (token["id"] == 5) {
      EXPECT_EQ(token["logit"], next["of"][" b"]);
      EXPECT_EQ(token["probability"], next["of_probability"][" b"]);
    }
  }
}

TEST_F(ModelWithTokenizer, BeginsTextsWithTheTokenizersTemplate) {
  const std::string file = (folder_ / "tokenizer.json").string();
  const std::string alone = read_bytes(file);
  const auto next = [&](const std::string& text, const std::string& special_tokens) {
    return json_of(
        {"inspect", path(), "--next", text, "--of", "c", "--special-tokens", special_tokens, "--json"})["of"];
  };
  const Json without = next("a b", "template");
  const std::string none = "\"added_tokens\": []";
  std::string changed = alone;
  changed.replace(alone.find(none), none.size(),
                  "\"added_tokens\": [" + added_token(6, "<s>", {"special"}) +
                      "], \"post_processor\": " + token_template({{"<s>", 6}}, {{"d", 3}}));
  write_bytes(file, changed);
  EXPECT_EQ(json_of({"inspect", path(), "--tokens", "a b", "--json"}),
            Json::parse(R"({"ids": [6, 0, 5, 3], "tokens": ["<s>", "a", "Ġb", "d"]})"));
  EXPECT_EQ(json_of({"inspect", path(), "--tokens", "a b", "--special-tokens", "none", "--json"}),
            Json::parse(R"({"ids": [0, 5], "tokens": ["a", "Ġb"]})"));
  EXPECT_EQ(next("a b", "none"), without);
  EXPECT_EQ(next("<s>a b", "template"), next("a b", "template")) << "not twice";
  EXPECT_EQ(next("<s>a b", "none"), next("a b", "template"));
  EXPECT_NE(next("a b", "template"), without);
}

TEST_F(ModelWithTokenizer, SaysWhatATextHasThatTheModelLacks) {
  write_bytes(folder_ / "tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer", "pad_token": "<pad>",
    "bos_token": null, "eos_token": "<1>", "unk_token": "<2>"})");
  EXPECT_EQ(json_of({"inspect", path(), "--tokens", "a<pad>", "--json"})["ids"], Json::parse("[0, 8]"));
  EXPECT_EQ(cprobe({"inspect", path(), "--next", "a"}).exit_code, 0);
  const ProgramResult result = cprobe({"inspect", path(), "--next", "a<pad>"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("a text has the token 8 ('<pad>'), but the model embeds only 8 tokens"));
}

TEST_F(ModelWithTokenizer, RefusesTextsThatHaveNoNextToken) {
  const auto refused = [&](const std::vector<std::string>& more, const char* message) {
    std::vector<std::string> arguments = {"inspect", path()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = cprobe(arguments);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr(message));
  };
  refused({"--next", ""}, "has no tokens to continue");
  refused({"--next", "a", "--of", "ab"}, "'ab' is 2 tokens");
  refused({"--next", "abcdabcdabcd"}, "longer than the model's context");
  refused({"--of", "a"}, "--next");
}

}  // namespace
}  // namespace cprobe::testing
