// The commands of docs/tutorial_own_data.md as they stand there, on a small model.

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cprobe/io/atomic_file.h"
#include "tests/cli/language_run.h"

namespace cprobe::testing {
namespace {

using ::testing::HasSubstr;

/// The commands in a page's blocks of code: lines that begin with `cprobe` or `sed`.
std::vector<std::string> commands_of(const std::filesystem::path& page) {
  std::vector<std::string> commands;
  std::istringstream lines(read_file(page));
  bool is_code = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) is_code = !is_code;
    if (is_code && (line.starts_with("cprobe ") || line.starts_with("sed "))) commands.push_back(line);
  }
  return commands;
}

TEST(OwnDataTutorial, GoesFromAFileToAReport) {
  const std::filesystem::path source = CPROBE_SOURCE_DIR;
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "examples");
  std::filesystem::copy_file(source / "examples/tense.csv", folder / "examples/tense.csv");
  // Letters are tokens here, so that sentences are longer than with the tutorial's model.
  write_language_model(folder / "runs/smollm2", "llama", 80);
  const std::vector<std::string> commands = commands_of(source / "docs/tutorial_own_data.md");
  ASSERT_GE(commands.size(), 5u);
  const std::string program = std::filesystem::path(CPROBE_PROGRAM).parent_path().string();
  for (const std::string& command : commands) {
    if (command.starts_with("cprobe fit")) {
      // What the tutorial leaves at its defaults would take minutes here, too.
      const std::string spec = read_file(folder / "tense.yaml");
      write_bytes(folder / "tense.yaml",
                  spec +
                      "fit: {epochs: 2}\nevaluate: {null_variables: 2, random_controls: 2, exchange_controls: 1, "
                      "exchange_rows: 20, exemplar_draws: 2}\n");
    }
    const std::string line =
        fmt::format("cd {} && PATH={}:$PATH {} > out.txt 2>&1", folder.path().string(), program, command);
    ASSERT_EQ(std::system(line.c_str()), 0) << command << "\n" << read_file(folder / "out.txt");
    if (command.starts_with("cprobe check")) {
      EXPECT_THAT(read_file(folder / "out.txt"), HasSubstr("Types of tense: column verb."));
      EXPECT_THAT(read_file(folder / "out.txt"), HasSubstr("' was' against ' is'"));
    }
  }
  const ProgramResult json = cprobe({"report", (folder / "runs/tense").string(), "--format", "json"});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  for (const auto& finding : nlohmann::json::parse(json.out)["findings"]) {
    EXPECT_EQ(finding["position"], "word verb");
    EXPECT_EQ(finding["variable"], "tense");
  }
}

}  // namespace
}  // namespace cprobe::testing
