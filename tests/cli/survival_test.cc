// Runs that are killed, short of disk, or told a wrong time lose nothing that was finished, and end
// with the same results.

#include <sys/mount.h>

#include <random>

#include "tests/cli/program.h"

namespace cprobe::testing {
namespace {

using ::testing::HasSubstr;

/// Results and circuits of a run, by name.
std::map<std::string, std::string> outcome(const std::filesystem::path& run) {
  std::map<std::string, std::string> files = {{"results.csv", read_bytes(run / "results.csv")}};
  for (const auto& entry : std::filesystem::directory_iterator(run / "circuits")) {
    files[entry.path().filename().string()] = read_bytes(entry.path());
  }
  return files;
}

/// The environment that makes a program suffer a fault (tests/faults). AddressSanitizer must not
/// insist on being loaded first.
std::vector<std::pair<std::string, std::string>> fault(const std::string& name, const std::string& value) {
  return {{"LD_PRELOAD", CPROBE_FAULTS}, {"ASAN_OPTIONS", "verify_asan_link_order=0"}, {name, value}};
}

class Survival : public ::testing::Test {
 protected:
  Survival() { write_bytes(folder_ / "spec.yaml", ToyRun::get().spec({{"epochs: 3", "epochs: 40"}})); }

  std::vector<std::string> fit(const std::filesystem::path& run) const {
    return {"fit", (folder_ / "spec.yaml").string(), "--out", run.string(), "--threads", "1", "--jobs", "2"};
  }

  /// The outcome of a run without faults.
  std::map<std::string, std::string> undisturbed() const {
    const ProgramResult result = cprobe(fit(folder_ / "undisturbed"));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return outcome(folder_ / "undisturbed");
  }

  const TemporaryFolder folder_;
};

TEST_F(Survival, OfAKillAtAnyMoment) {
  const auto start = std::chrono::steady_clock::now();
  const auto expected = undisturbed();
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  std::mt19937 generator(1);
  int n_killed = 0;
  for (int i = 0; i < 60 && n_killed < 20; ++i) {
    const std::filesystem::path run = folder_ / std::to_string(i);
    Program killed(fit(run));
    std::this_thread::sleep_for(whole * std::uniform_real_distribution<double>(0.3, 1.0)(generator));
    killed.send(SIGKILL);
    n_killed += killed.wait().exit_code == 128 + SIGKILL;
    const ProgramResult again = cprobe(fit(run));
    ASSERT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(outcome(run), expected) << i;
    std::filesystem::remove_all(run);
  }
  EXPECT_EQ(n_killed, 20);
}

TEST_F(Survival, OfAKillInTheMiddleOfAWrite) {
  const auto expected = undisturbed();
  // Kills during writes of circuits; of transactions to the write-ahead log, from those that make
  // the tables to the last; of the log to the database at the end; and of an exported table.
  for (const char* where : {"/circuits/:1", "/circuits/:2", "run.sqlite-wal:3", "run.sqlite-wal:40",
                            "run.sqlite-wal:60", "run.sqlite$:1", "run.sqlite$:4", "/.cprobe-:3"}) {
    const std::filesystem::path run = folder_ / "run";
    const ProgramResult killed = Program(fit(run), 0, fault("KILL_AT", where)).wait();
    EXPECT_EQ(killed.exit_code, 128 + SIGKILL) << where << ": " << killed.err;
    const ProgramResult again = cprobe(fit(run));
    EXPECT_EQ(again.exit_code, 0) << where << ": " << again.err;
    EXPECT_EQ(outcome(run), expected) << where;
    std::filesystem::remove_all(run);
  }
}

TEST_F(Survival, OfAClockThatGoesBackwards) {
  const auto expected = undisturbed();
  for (const int n_computed : {2, 0}) {
    const ProgramResult run = Program(fit(folder_ / "run"), 0, fault("CLOCK_BACKWARDS", "1")).wait();
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_THAT(run.out, HasSubstr(fmt::format("{} of 2 cells computed now", n_computed)));
  }
  EXPECT_EQ(outcome(folder_ / "run"), expected);
}

/// A small disk in memory, mounted on a folder.
class SmallDisk {
 public:
  explicit SmallDisk(std::filesystem::path folder) : folder_(std::move(folder)) {
    std::filesystem::create_directory(folder_);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() { umount(folder_.c_str()); }

  /// @return false if this user may not mount a file system.
  bool mount(const std::string& options) { return ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, options.c_str()) == 0; }
  bool remount(unsigned long flags, const std::string& options) {
    return ::mount("tmpfs", folder_.c_str(), "tmpfs", MS_REMOUNT | flags, options.c_str()) == 0;
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(Survival, OfAFullDiskAndOfOneThatIsReadOnly) {
  const auto expected = undisturbed();
  const std::filesystem::path disk_folder = folder_ / "disk";
  SmallDisk disk(disk_folder);
  if (!disk.mount("size=200k")) GTEST_SKIP() << "this user may not mount a file system";
  const std::filesystem::path run = disk_folder / "run";
  const ProgramResult full = cprobe(fit(run));
  EXPECT_EQ(full.exit_code, 1) << full.err;
  EXPECT_THAT(full.err, HasSubstr("disk"));

  ASSERT_TRUE(disk.remount(MS_RDONLY, "size=10m"));
  const ProgramResult read_only = cprobe(fit(run));
  EXPECT_EQ(read_only.exit_code, 1) << read_only.err;
  EXPECT_THAT(read_only.err, HasSubstr((run / "").string()));
  EXPECT_EQ(cprobe({"inspect", run.string()}).exit_code, 0);

  ASSERT_TRUE(disk.remount(0, "size=10m"));
  const ProgramResult again = cprobe(fit(run));
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(outcome(run), expected);
}

TEST_F(Survival, OfADamagedRecord) {
  const auto expected = undisturbed();
  const std::filesystem::path run = folder_ / "undisturbed";
  const std::string record = read_bytes(run / "run.sqlite");
  // Flips a bit in a figure, where SQLite itself sees no damage.
  std::string flipped = record;
  const size_t at = flipped.rfind("full model");
  ASSERT_NE(at, std::string::npos);
  flipped[at] ^= 1;
  write_bytes(run / "run.sqlite", flipped);
  const ProgramResult refused = cprobe(fit(run));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("is damaged"));
  EXPECT_THAT(refused.err, HasSubstr("--repair"));
  const ProgramResult repaired = cprobe({"inspect", run.string(), "--repair"});
  EXPECT_EQ(repaired.exit_code, 0) << repaired.err;
  EXPECT_THAT(repaired.out, HasSubstr("1 finished cells are intact, 1 are not"));
  const ProgramResult again = cprobe(fit(run));
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("1 of 2 cells computed now"));
  EXPECT_EQ(outcome(run), expected);
}

TEST_F(Survival, OfCellsThatFailUntilTheyAreToBeTriedAgain) {
  write_bytes(folder_ / "spec.yaml", ToyRun::get().spec({{"epochs: 3", "l0_weight: 1e300, epochs: 3"}}));
  const std::filesystem::path run = folder_ / "run";
  const ProgramResult failed = cprobe(fit(run));
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.err, HasSubstr("2 of 2 cells failed"));
  EXPECT_THAT(failed.err, HasSubstr("--retry failed"));
  const ProgramResult same = cprobe(fit(run));
  EXPECT_EQ(same.exit_code, 1);
  EXPECT_THAT(same.out, HasSubstr("0 of 2 cells computed now"));
  std::vector<std::string> retry = fit(run);
  retry.insert(retry.end(), {"--retry", "failed", "--json"});
  EXPECT_THAT(cprobe(retry).err, HasSubstr("\"event\":\"failed\""));
}

}  // namespace
}  // namespace cprobe::testing
