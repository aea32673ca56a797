#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <random>

#include "cprobe/core/error.h"
#include "cprobe/record/store.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

constexpr int kCells = 12;

std::string id_of(int i) {
  return fmt::format("cell{:03}", i);
}

std::vector<PlannedCell> plan_of(int n_cells) {
  std::vector<PlannedCell> plan;
  plan.reserve(static_cast<size_t>(n_cells));
  for (int i = 0; i < n_cells; ++i) plan.push_back({id_of(i), "circuit probing", fmt::format("label {}", i)});
  return plan;
}

FinishedCell finished(int i) {
  FinishedCell cell{.variable = "x",
                    .site = "L0.mlp",
                    .seed = static_cast<uint64_t>(i),
                    .seconds = 1,
                    .row = {{"variable", "x", true}, {"figure", fmt::format("{}", 0.1 * i), false}},
                    .circuit_file = fmt::format("circuits/{}", i),
                    .circuit = fmt::format("bytes {}", i)};
  for (int metric = 0; metric < 20; ++metric) {
    cell.metrics.push_back({.metric = fmt::format("m{}", metric), .value = i + 0.1 * metric, .n = 7});
  }
  cell.curve.resize(30, {.loss = 1.0 / (i + 1)});
  return cell;
}

/// Makes a record of finished cells, and closes it.
void make_record(const std::filesystem::path& folder) {
  Store store = Store::open(folder);
  store.plan(plan_of(kCells), "data");
  store.begin({.started = "2024-05-01T12:00:00Z", .n_threads = 1});
  for (int i = 0; i < kCells; ++i) store.record(id_of(i), finished(i));
}

std::map<std::string, std::string> figures_of(const Store& store) {
  std::map<std::string, std::string> figures;
  for (const RecordedMetric& row : store.metrics()) {
    figures[row.cell] += fmt::format("{} {} {};", row.metric.metric, row.metric.value, row.seed);
  }
  return figures;
}

/// What is wrong with the record; empty if nothing is.
std::string problem_of(const std::filesystem::path& folder) {
  try {
    Store::open(folder).verify();
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(DamagedStore, IsFoundAndKeepsWhatIsIntactWhateverBitFlipsOrEndIsMissing) {
  std::mt19937 generator(3);
  int n_damaged = 0, n_repaired = 0, n_kept = 0;
  const TemporaryFolder intact;
  make_record(intact.path());
  const std::string bytes = testing::read_bytes(intact / "run.sqlite");
  const auto expected = figures_of(Store::open_existing(intact.path()));
  for (int trial = 0; trial < 80; ++trial) {
    const TemporaryFolder folder;
    std::filesystem::copy(intact.path(), folder.path(),
                          std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
    std::string damaged = bytes;
    const size_t at = std::uniform_int_distribution<size_t>(0, bytes.size() - 1)(generator);
    if (trial % 4 == 0) {
      damaged.resize(at);
    } else {
      for (size_t i = at; i < std::min(at + static_cast<size_t>(trial), damaged.size()); ++i) {
        damaged[i] = static_cast<char>(damaged[i] ^ (1 << (trial % 8)));
      }
    }
    testing::write_bytes(folder / "run.sqlite", damaged);
    const std::string problem = problem_of(folder.path());
    if (problem.empty()) {
      // The damage is in bytes that nobody reads, or in a number that no table shows.
      EXPECT_EQ(figures_of(Store::open_existing(folder.path())), expected) << "at " << at;
      continue;
    }
    ++n_damaged;
    EXPECT_THAT(problem, HasSubstr("run.sqlite")) << "at " << at;
    try {
      const Store::Repaired repaired = Store::repair(folder.path());
      ++n_repaired;
      n_kept += static_cast<int>(repaired.n_intact);
      EXPECT_EQ(problem_of(folder.path()), "") << "at " << at;
      for (const auto& [cell, figures] : figures_of(Store::open_existing(folder.path()))) {
        EXPECT_EQ(figures, expected.at(cell)) << "at " << at;
      }
      EXPECT_EQ(testing::read_bytes(repaired.damaged), damaged) << "the damaged file is kept";
    } catch (const Error& error) {
      EXPECT_THAT(std::string(error.what()), HasSubstr("nothing of it can be read")) << "at " << at;
      EXPECT_EQ(testing::read_bytes(folder / "run.sqlite"), damaged) << "it is left as it is";
    }
  }
  EXPECT_GT(n_damaged, 30);
  EXPECT_GT(4 * n_repaired, 3 * n_damaged);
  EXPECT_GT(n_kept, n_repaired * kCells / 2);
}

TEST(DamagedStore, ComputesACellAgainWhoseCircuitIsGone) {
  const TemporaryFolder folder;
  make_record(folder.path());
  std::filesystem::remove(folder / "circuits/3");
  testing::write_bytes(folder / "circuits/5", "other bytes");
  const Store::Repaired repaired = Store::repair(folder.path());
  EXPECT_EQ(repaired.n_intact, kCells - 2);
  EXPECT_EQ(repaired.lost, (std::vector<std::string>{"label 3", "label 5"}));
}

TEST(DamagedStore, IsToldFromAnEmptyFile) {
  const TemporaryFolder folder;
  make_record(folder.path());
  Store::open(folder.path()).export_tables();
  testing::write_bytes(folder / "run.sqlite", "");
  EXPECT_INPUT_ERROR(Store::open(folder.path()), "is empty, though");
}

TEST(StoreInUse, LosesAndDoublesNothingUnderEightProcesses) {
  const TemporaryFolder folder;
  constexpr int kProcesses = 8;
  // Records per process: 15 take a moment, 3,000 take minutes.
  const char* asked = std::getenv("CPROBE_RECORDS_EACH");
  const int n_each = asked == nullptr ? 15 : std::atoi(asked);
  {
    Store store = Store::open(folder.path());
    store.plan(plan_of(kProcesses * n_each), "data");
  }
  std::vector<pid_t> processes;
  for (int process = 0; process < kProcesses; ++process) {
    processes.push_back(fork());
    if (processes.back() != 0) continue;
    try {
      for (int i = 0; i < n_each; ++i) {
        Store store = Store::open(folder.path());
        store.record(id_of(process * n_each + i), finished(process * n_each + i));
      }
      _exit(0);
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}\n", error.what());
      _exit(1);
    }
  }
  for (const pid_t process : processes) {
    int status = 0;
    waitpid(process, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const Store store = Store::open(folder.path());
  store.verify();
  EXPECT_EQ(store.metrics().size(), static_cast<size_t>(kProcesses * n_each * 20));
  EXPECT_EQ(store.finished().size(), static_cast<size_t>(kProcesses * n_each));
}

}  // namespace
}  // namespace cprobe
