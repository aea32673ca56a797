// What programs read: events on stderr, one object on stdout; and the end of a run with its parent.

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cli/program.h"

namespace cprobe::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// The events among lines of stderr, each of which must be one.
std::vector<nlohmann::json> events(const ProgramResult& result) {
  std::vector<nlohmann::json> found;
  std::istringstream lines(result.err);
  for (std::string line; std::getline(lines, line);) {
    found.push_back(nlohmann::json::parse(line, nullptr, false));
    EXPECT_TRUE(found.back().is_object() && found.back().contains("event")) << line;
  }
  return found;
}

std::vector<std::string> kinds(const std::vector<nlohmann::json>& events) {
  std::vector<std::string> kinds;
  for (const nlohmann::json& event : events) kinds.push_back(event.at("event"));
  return kinds;
}

class Events : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
};

TEST_F(Events, OfARunAreJsonObjects) {
  write_bytes(folder_ / "spec.yaml", ToyRun::get().spec({{"epochs: 3", "epochs: 4"}}));
  const ProgramResult run =
      cprobe({"fit", (folder_ / "spec.yaml").string(), "--out", (folder_ / "run").string(), "--json"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(kinds(events(run)), Contains("begun"));
  EXPECT_THAT(kinds(events(run)), Contains("done"));
  const ProgramResult quiet =
      cprobe({"fit", (folder_ / "spec.yaml").string(), "--out", (folder_ / "run").string(), "--json", "--quiet"});
  ASSERT_THAT(events(quiet), SizeIs(1));
  EXPECT_EQ(events(quiet).front().at("event"), "run");
  EXPECT_EQ(events(quiet).front().at("out"), (folder_ / "run").string());
  EXPECT_EQ(events(quiet).front().at("computed"), 0);
}

TEST_F(Events, OfLongWorkTellHowFarItIs) {
  write_bytes(folder_ / "spec.yaml", ToyRun::get().spec({{"epochs: 3", "epochs: 1000000"}}));
  Program program({"fit", (folder_ / "spec.yaml").string(), "--out", (folder_ / "run").string(), "--json"});
  ASSERT_TRUE(program.is_busy_after(folder_ / "run/run.lock"));
  std::this_thread::sleep_for(std::chrono::seconds(3));
  program.send(SIGINT);
  const ProgramResult stopped = program.wait();
  EXPECT_EQ(stopped.exit_code, 1);
  const std::vector<nlohmann::json> said = events(stopped);
  const auto progress = std::ranges::find(said, "progress", [](const nlohmann::json& e) { return e.at("event"); });
  ASSERT_NE(progress, said.end()) << stopped.err;
  EXPECT_GE(progress->at("share"), 0);
  EXPECT_LE(progress->at("share"), 1);
  EXPECT_TRUE(progress->at("label").is_string());
  EXPECT_EQ(said.back().at("event"), "error");
  EXPECT_EQ(said.back().at("kind"), "interrupted");
}

TEST_F(Events, SayWhyTheProgramEnds) {
  const ProgramResult missing = cprobe({"fit", (folder_ / "none.yaml").string(), "--json"});
  EXPECT_EQ(missing.exit_code, 2);
  ASSERT_THAT(events(missing), SizeIs(1));
  EXPECT_EQ(events(missing).front().at("event"), "error");
  EXPECT_EQ(events(missing).front().at("kind"), "input");
  EXPECT_THAT(events(missing).front().at("message").get<std::string>(), HasSubstr("none.yaml"));

  const ProgramResult unknown = cprobe({"fit", "--no-such-option", "--json"});
  EXPECT_EQ(unknown.exit_code, 2);
  ASSERT_THAT(events(unknown), SizeIs(1));
  EXPECT_EQ(events(unknown).front().at("kind"), "input");
}

TEST_F(Events, LeaveTextToPeople) {
  const ProgramResult missing = cprobe({"fit", (folder_ / "none.yaml").string()});
  EXPECT_TRUE(missing.err.starts_with("cprobe: ")) << missing.err;
}

TEST_F(Events, StandBesideOneObjectOfResults) {
  const ProgramResult data =
      cprobe({"data", "agreement", "--sentences", "20", "--out", (folder_ / "data").string(), "--json"});
  EXPECT_EQ(data.exit_code, 0) << data.err;
  const nlohmann::json files = nlohmann::json::parse(data.out).at("files");
  ASSERT_THAT(files, SizeIs(2));
  EXPECT_EQ(files[0].at("rows"), 20);

  const ProgramResult version = cprobe({"--version", "--json"});
  EXPECT_EQ(version.exit_code, 0);
  const nlohmann::json versions = nlohmann::json::parse(version.out);
  for (const char* key : {"cprobe", "libtorch", "matrix_products", "linear_algebra", "record_format", "devices"}) {
    EXPECT_TRUE(versions.contains(key)) << key;
  }
}

/// Whether a process is there and has not ended.
bool is_running(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string id, name, state;
  return (file >> id >> name >> state) && state != "Z";
}

TEST_F(Events, ARunEndsWithTheProgramThatStartedIt) {
  write_bytes(folder_ / "spec.yaml", ToyRun::get().spec({{"epochs: 3", "epochs: 1000000"}}));
  const std::filesystem::path run = folder_ / "run";
  const pid_t parent = fork();
  if (parent == 0) {
    Program program({"fit", (folder_ / "spec.yaml").string(), "--out", run.string()}, 0,
                    {{"CPROBE_PARENT", std::to_string(getpid())}});
    const bool is_at_work = program.is_busy_after(run / "run.lock");
    write_bytes(folder_ / "process", std::to_string(program.process()));
    _exit(is_at_work ? 0 : 1);
  }
  int status = 0;
  waitpid(parent, &status, 0);
  ASSERT_EQ(WEXITSTATUS(status), 0);
  const pid_t process = std::stoi(read_bytes(folder_ / "process"));
  for (int i = 0; i < 300 && is_running(process); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(is_running(process));
}

}  // namespace
}  // namespace cprobe::testing
