// cprobe ablate: on the evaluation sets of a spec, on a CSV file, and on the next token of a text.

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cprobe/circuit/circuit.h"
#include "cprobe/io/csv.h"
#include "cprobe/model/model.h"
#include "tests/circuit/made_circuit.h"
#include "tests/cli/program.h"

namespace cprobe::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

/// What the program prints: one JSON object per line.
std::vector<Json> json_lines_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--json", "--threads", "1"});
  const ProgramResult result = cprobe(arguments);
  if (result.exit_code != 0) throw std::runtime_error(result.err);
  std::vector<Json> lines;
  std::istringstream stream(result.out);
  for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
  return lines;
}

/// Saves a circuit of about half the units of some of the toy model's blocks; returns its path.
std::string save_some_circuit(const std::filesystem::path& folder, const std::vector<Block>& blocks,
                              double share = 0.5) {
  const ModelConfig config = read_model_config(ToyRun::get().model() + "/config.json");
  std::vector<ComponentRef> components;
  for (const Block block : blocks) components.push_back({0, block});
  const std::filesystem::path path = folder / fmt::format("{} {}.safetensors", to_string(components), share);
  save_circuit(random_circuit(config, components, share), path);
  return path.string();
}

/// A finished run over two seeds, two fills and two evaluation sets, made once.
class AblateASpec : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder = new TemporaryFolder;
    const ToyRun& toy = ToyRun::get();
    const std::string behaviour =
        "test.csv\n  behaviour: {Seen: " + toy.data("train.csv") + ", New: " + toy.data("test.csv") + "}";
    write_bytes(*folder / "spec.yaml",
                toy.spec({{"test.csv", behaviour},
                          {"blocks: [attn, mlp]", "blocks: mlp\nseeds: [4, 7]"},
                          {"epochs: 3", "method: continuous_sparsification, epochs: 3"},
                          {"exemplar_draws", "effects: true, fills: [zero, mean], exemplar_draws"}}));
    const ProgramResult fitted = cprobe({"fit", spec(), "--out", (*folder / "run").string(), "--threads", "1"});
    if (fitted.exit_code != 0) throw std::runtime_error(fitted.err);
  }
  static void TearDownTestSuite() { delete folder; }

  static std::string spec() { return (*folder / "spec.yaml").string(); }

  /// The circuit of one seed's cell.
  static std::string circuit(const std::string& seed) {
    for (const auto& file : std::filesystem::directory_iterator(*folder / "run/circuits")) {
      if (read_circuit_file(file.path()).provenance.at("seed") == seed) return file.path().string();
    }
    throw std::runtime_error("no circuit of seed " + seed);
  }

  /// A figure of metrics.csv; NaN if the field is empty.
  static double recorded(const std::string& cell, const std::string& metric, const std::string& control,
                         const std::string& column) {
    const CsvTable table = CsvTable::read(*folder / "run/metrics.csv");
    for (size_t row = 0; row < table.n_rows(); ++row) {
      if (table.text("cell")[row] != cell || table.text("metric")[row] != metric) continue;
      if (table.text("control")[row] != control) continue;
      const std::string text = table.text(column)[row];
      return text.empty() ? std::numeric_limits<double>::quiet_NaN() : std::stod(text);
    }
    throw std::runtime_error("no metric '" + metric + "' of '" + control + "'");
  }

  static inline TemporaryFolder* folder = nullptr;
};

TEST_F(AblateASpec, RepeatsEveryFigureOfTheRun) {
  for (const char* seed : {"4", "7"}) {
    const std::vector<Json> lines = json_lines_of({"ablate", circuit(seed), "--spec", spec()});
    const std::string cell = read_circuit_file(circuit(seed)).provenance.at("cell");
    int n_random = 0;
    for (const Json& line : lines) {
      const std::string data = line["data"];
      if (line["target"] == "none") {
        EXPECT_EQ(line["accuracy"], recorded(cell, "vanilla_accuracy " + data, "", "value"));
        EXPECT_NEAR(line["log_probability"], recorded(cell, "vanilla_log_probability " + data, "", "value"), 1e-6);
        continue;
      }
      const std::string suffix = data + (line["fill"] == "mean" ? " (mean fill)" : "");
      const std::string control = line["target"] == "circuit" ? "" : line["target"].get<std::string>();
      const auto figure = [&](const char* metric, const char* column) {
        return recorded(cell, fmt::format("{} {}", metric, suffix), control, column);
      };
      EXPECT_EQ(line["accuracy"], figure("ablated_accuracy", "value")) << line;
      EXPECT_NEAR(line["log_probability"], figure("log_probability", "value"), 1e-6) << line;
      EXPECT_NEAR(line["kl_divergence"], figure("kl_divergence", "value"), 1e-6) << line;
      if (line["target"] == "circuit") {
        EXPECT_EQ(line["p"], figure("ablated_accuracy", "p")) << line;
      }
      if (line["target"] != "random") continue;
      ++n_random;
      EXPECT_EQ(line["draws"], 2);
      EXPECT_NEAR(line["kl_divergence_sd"], figure("kl_divergence", "sd"), 1e-6) << line;
    }
    EXPECT_EQ(n_random, 4) << "two data sets, two fills";
    EXPECT_EQ(lines.size(), 2u * (1 + 2 * 4)) << "untouched, and per fill circuit, random, complement and component";
  }
}

TEST_F(AblateASpec, LetsTheCommandLineOverrideIt) {
  const auto ablated = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"ablate", circuit("4"), "--spec", spec()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return json_lines_of(arguments);
  };
  int64_t n_of_matrix = 0;
  for (const Json& line : ablated({"--random-controls", "3", "--fill", "resample", "--per-matrix"})) {
    if (line["target"] == "none") continue;
    EXPECT_EQ(line["fill"], "resample");
    if (line["target"] == "random") {
      EXPECT_EQ(line["draws"], 3);
    }
    n_of_matrix += line["matrix"] == "c_fc";
  }
  EXPECT_EQ(n_of_matrix, 4) << "circuit and random controls on two data sets";
  const auto random_effects = [&](const std::vector<std::string>& more) {
    std::vector<double> all;
    for (const Json& line : ablated(more)) {
      if (line["target"] == "random") all.push_back(line["kl_divergence"]);
    }
    return all;
  };
  EXPECT_EQ(random_effects({"--seed", "0"}), random_effects({})) << "the random sets of runs";
  EXPECT_NE(random_effects({"--seed", "5"}), random_effects({}));
}

TEST_F(AblateASpec, ShowsEffectsInItsTable) {
  const ProgramResult result = cprobe({"ablate", circuit("4"), "--spec", spec(), "--threads", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, ::testing::ContainsRegex("^data +ablated +matrix +fill +accuracy +p +log probability +"
                                                   "KL divergence +note\nSeen +nothing +[0-9.]+ +-[0-9.]+ *\n"));
  EXPECT_THAT(result.out, ::testing::ContainsRegex("\nNew +random +all +mean +[0-9.]+ ± [0-9.]+ \\(n = 2\\) +"
                                                   "-[0-9.]+ ± [0-9.]+ +[0-9.e-]+ ± [0-9.e-]+ +drawn from"));
}

TEST(AblateNegativeControls, MeasuresTheModelThatWasProbed) {
  const TemporaryFolder folder;
  write_bytes(folder / "spec.yaml", ToyRun::get().spec({{"[attn, mlp]", "[mlp]\ncontrol: random_init\nseeds: [3]"}}));
  const std::string spec = (folder / "spec.yaml").string();
  ASSERT_EQ(cprobe({"fit", spec, "--out", (folder / "run").string(), "--threads", "1"}).exit_code, 0);
  const std::string circuit = std::filesystem::directory_iterator(folder / "run/circuits")->path().string();
  const ProgramResult result = cprobe({"ablate", circuit, "--spec", spec, "--seed", "8", "--threads", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr("another model"))) << "the fingerprint is that of the model drawn again";
}

TEST(AblateOnSentences, UsesThePrefixAndEverySetOfTheSpec) {
  const TemporaryFolder folder;
  copy_toy_with_tokenizer(folder / "model");
  std::string sentences = "sentence,is_early\n";
  for (const char first : {'a', 'b', 'c', 'd'}) {
    for (const char last : {'a', 'b', 'c', 'd'})
      sentences += fmt::format("{}{},{}\n", first, last, first < 'c' ? 1 : 0);
  }
  write_bytes(folder / "sentences.csv", sentences);
  const auto ablated = [&](const std::string& prefix) {
    write_bytes(
        folder / "spec.yaml",
        fmt::format("model: {0}/model\nvariables: [is_early]\ntask: {{name: letters, sentences: {0}/sentences.csv,\n"
                    "  gen: {0}/sentences.csv, train_rows: 8, test_rows: 6, prefix: '{1}',\n"
                    "  expect: {{continuation: c, against: [d], where: is_early}}}}\n"
                    "evaluate: {{random_controls: 2, fills: [mean]}}\n",
                    folder.path().string(), prefix));
    return json_lines_of({"ablate", save_some_circuit(folder.path(), {Block::kMlp}), "--spec",
                          (folder / "spec.yaml").string(), "--effects"});
  };
  const std::vector<Json> lines = ablated("c");
  ASSERT_EQ(lines.size(), 2u * 5) << "untouched, circuit, random, complement, component";
  EXPECT_EQ(lines[0]["data"], "IID");
  EXPECT_EQ(lines[0]["n_rows"], 6);
  EXPECT_EQ(lines[5]["data"], "Gen");
  EXPECT_LT(lines[0]["log_probability"], 0);
  EXPECT_GT(lines[1]["kl_divergence"], 0);
  EXPECT_NE(lines[0]["log_probability"], ablated("d")[0]["log_probability"]);
}

/// Tolerance for logits and probabilities up to 1: a masked product and the product of a changed
/// matrix add up in different orders.
constexpr double kTolerance = 1e-6;

class AblateNext : public ::testing::Test {
 protected:
  AblateNext() { copy_toy_with_tokenizer(folder_ / "model"); }

  std::string model() const { return (folder_ / "model").string(); }

  /// Saves the model with the weights of a circuit's neurons at zero. @return the model's folder.
  std::string without(const std::string& circuit_path) const {
    Model changed = load_model(model());
    const Circuit circuit = load_circuit(circuit_path, changed.config);
    for (size_t i = 0; i < circuit.matrices.size(); ++i) {
      at::Tensor& weight = changed.weights.at(circuit.matrices[i].name + ".weight");
      weight = weight * circuit.members[i].logical_not().to(at::kFloat);
    }
    save_model(changed, folder_ / "without");
    std::filesystem::copy_file(folder_ / "model/tokenizer.json", folder_ / "without/tokenizer.json",
                               std::filesystem::copy_options::overwrite_existing);
    return (folder_ / "without").string();
  }

  Json inspected(const std::string& folder) const {
    return Json::parse(cprobe({"inspect", folder, "--next", "ab", "--of", "c", "--of", " b", "--json"}).out);
  }

  /// Compares up to a tolerance, because `inspect` takes all processors and so rounds differently.
  static void expect_same(const Json& found, const Json& expected) {
    ASSERT_EQ(found["top"].size(), expected["top"].size());
    for (size_t i = 0; i < expected["top"].size(); ++i) {
      EXPECT_EQ(found["top"][i]["token"], expected["top"][i]["token"]) << i;
      EXPECT_NEAR(found["top"][i]["logit"], expected["top"][i]["logit"], kTolerance) << i;
    }
    EXPECT_NEAR(found["of"]["c"], expected["of"]["c"], kTolerance);
    EXPECT_NEAR(found["of_probability"][" b"], expected["of_probability"][" b"], kTolerance);
  }

  const TemporaryFolder folder_;
};

TEST_F(AblateNext, SaysWhatTheUntouchedModelAndTheOneWithoutTheCircuitSay) {
  for (const auto& blocks : {std::vector{Block::kAttention}, {Block::kMlp}, {Block::kAttention, Block::kMlp}}) {
    const std::string circuit = save_some_circuit(folder_.path(), blocks);
    const Json next =
        json_lines_of({"ablate", circuit, "--model", model(), "--next", "ab", "--of", "c", "--of", " b"}).at(0);
    expect_same(next["untouched"], inspected(model()));
    expect_same(next["circuit_removed"], inspected(without(circuit)));
    const double change = next["circuit_removed"]["of"]["c"].get<double>() - next["untouched"]["of"]["c"].get<double>();
    EXPECT_GT(std::abs(change), 100 * kTolerance) << "an ablation too weak to tell from none";
  }
}

TEST_F(AblateNext, OfAnEmptyCircuitChangesNothing) {
  const std::string empty = save_some_circuit(folder_.path(), {Block::kMlp}, 0);
  const Json next = json_lines_of({"ablate", empty, "--model", model(), "--next", "ab"}).at(0);
  EXPECT_EQ(next["circuit_removed"], next["untouched"]);
}

TEST_F(AblateNext, PrintsBothSideBySide) {
  const std::string circuit = save_some_circuit(folder_.path(), {Block::kMlp});
  const ProgramResult result = cprobe({"ablate", circuit, "--model", model(), "--next", "ab", "--of", "c"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, ::testing::StartsWith("untouched  logit"));
  EXPECT_THAT(result.out, HasSubstr("circuit ablated"));
  EXPECT_THAT(result.out,
              ::testing::ContainsRegex("\n\nuntouched .*\nc +-?[0-9.]+ +[0-9.]+ +c +-?[0-9.]+ +[0-9.]+\n$"));
}

TEST_F(AblateNext, RefusesWhatDoesNotGoTogether) {
  const std::string circuit = save_some_circuit(folder_.path(), {Block::kMlp});
  const auto refused = [&](const std::vector<std::string>& more, const char* message) {
    std::vector<std::string> arguments = {"ablate", circuit};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = cprobe(arguments);
    EXPECT_EQ(result.exit_code, 2) << fmt::format("{}", fmt::join(more, " "));
    EXPECT_THAT(result.err, HasSubstr(message));
  };
  const std::string data = ToyRun::get().data("test.csv");
  const std::string spec = write_bytes(folder_ / "spec.yaml", ToyRun::get().spec()).string();
  refused({}, "ablate needs something to measure on");
  refused({"--model", model()}, "ablate needs something to measure on");
  refused({"--data", data}, "ablate needs something to measure on");
  refused({"--spec", spec, "--model", model()}, "--spec");
  refused({"--spec", spec, "--data", data}, "--spec");
  refused({"--spec", spec, "--next", "ab"}, "--spec");
  refused({"--spec", "nowhere.yaml"}, "nowhere.yaml");
  refused({"--spec", write_bytes(folder_ / "bad.yaml", "modl: x\n").string()}, "bad.yaml:1:1");
  refused({"--spec", spec, "--fill", "median"}, "unknown fill 'median'");
  refused({"--spec", spec, "--random-controls", "-1"}, "--random-controls");
  refused({"--model", model(), "--data", data, "--fill", "mean"}, "needs --train");
  refused({"--model", model(), "--next", "ab", "--data", data}, "--next");
  refused({"--model", model(), "--next", "ab", "--fill", "mean"}, "--fill");
  refused({"--model", model(), "--next", "ab", "--effects"}, "--effects");
  refused({"--model", model(), "--next", ""}, "has no tokens to continue");
  refused({"--model", model(), "--next", "ab", "--of", "ab"}, "'ab' is 2 tokens");
  refused({"--model", model(), "--data", data, "--of", "c"}, "--next");
  refused({"--model", ToyRun::get().model(), "--next", "ab"}, "tokenizer.json");
  refused({"--model", std::string(CPROBE_SOURCE_DIR) + "/tests/golden/gpt2", "--data", data}, circuit.c_str());
  const std::string both = save_some_circuit(folder_.path(), {Block::kAttention, Block::kMlp});
  const ProgramResult of_both = cprobe({"ablate", both, "--model", model(), "--data", data});
  EXPECT_EQ(of_both.exit_code, 2);
  EXPECT_THAT(of_both.err, HasSubstr(both + ": a circuit of L0.attn, L0.mlp; without --next"));
}

}  // namespace
}  // namespace cprobe::testing
