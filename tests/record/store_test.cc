#include "cprobe/record/store.h"

#include <sqlite3.h>

#include <algorithm>

#include "cprobe/record/sqlite.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::TemporaryFolder;

std::vector<std::string> files_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

TEST(OpenExistingStore, ReadsAFinishedRunAndMakesNoFiles) {
  const TemporaryFolder folder;
  const std::filesystem::path run = folder / "50% of #1?";
  {
    Store store = Store::open(run);
    store.plan({{"00", "circuit probing", "var_0 L0.attn seed 0"}}, "data");
    store.begin({.command = "cprobe fit"});
  }
  {
    const Store store = Store::open_existing(run);
    ASSERT_EQ(store.cells().size(), 1u);
    EXPECT_EQ(store.cells()[0].label, "var_0 L0.attn seed 0");
    EXPECT_EQ(store.invocations().at(0).command, "cprobe fit");
    EXPECT_THAT(files_in(run), ElementsAre("run.sqlite"));
  }
  EXPECT_THAT(files_in(run), ElementsAre("run.sqlite"));
}

TEST(OpenExistingStore, ReadsWhileTheRunGoesOn) {
  const TemporaryFolder folder;
  Store writer = Store::open(folder.path());
  writer.begin({});
  const Store reader = Store::open_existing(folder.path());
  EXPECT_EQ(reader.invocations().size(), 1u);
  writer.begin({});
  EXPECT_EQ(reader.invocations().size(), 2u);
}

TEST(OpenExistingStore, DoesNotMakeAStore) {
  const TemporaryFolder folder;
  EXPECT_INPUT_ERROR(Store::open_existing(folder.path()), "holds no run");
  EXPECT_THAT(files_in(folder.path()), IsEmpty());
}

TEST(OpenExistingStore, RefusesOtherFiles) {
  const TemporaryFolder folder;
  testing::write_bytes(folder / "run.sqlite", "some text that is no database, long enough to have a header");
  EXPECT_INPUT_ERROR(Store::open_existing(folder.path()), "is not a database");
  EXPECT_INPUT_ERROR(Store::open(folder.path()), "is not a database");
}

TEST(OpenExistingStore, FindsNothingInOneThatWasOnlyBegun) {
  const TemporaryFolder folder;
  testing::write_bytes(folder / "run.sqlite", "");
  EXPECT_THAT(Store::open_existing(folder.path()).cells(), IsEmpty());
  EXPECT_EQ(testing::read_bytes(folder / "run.sqlite"), "");
}

TEST(OpenStore, LeavesAnotherProgramsDatabaseAsItIs) {
  const TemporaryFolder folder;
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((folder / "run.sqlite").c_str(), &database), SQLITE_OK);
  execute(database, "CREATE TABLE results (accuracy REAL)");
  sqlite3_close(database);
  const std::string before = testing::read_bytes(folder / "run.sqlite");
  EXPECT_INPUT_ERROR(Store::open(folder.path()), "is not a store of cprobe");
  EXPECT_EQ(testing::read_bytes(folder / "run.sqlite"), before);
}

/// Makes a store of version 1 or 2 of the schema, with one finished cell of circuit probing.
void make_old_store(const std::filesystem::path& folder, int version) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((folder / "run.sqlite").c_str(), &database), SQLITE_OK);
  execute(database, R"sql(
CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE cells (
  ordinal INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, label TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'planned',
  error TEXT, seconds REAL, variable TEXT, site TEXT, seed INTEGER);
CREATE TABLE fields (cell TEXT NOT NULL REFERENCES cells(id), ordinal INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  is_text INTEGER NOT NULL, PRIMARY KEY (cell, ordinal));
CREATE TABLE curves (cell TEXT NOT NULL REFERENCES cells(id), epoch INTEGER NOT NULL, loss REAL, objective REAL, l0_term REAL,
  temperature REAL, n_kept INTEGER, PRIMARY KEY (cell, epoch));
CREATE TABLE artifacts (cell TEXT NOT NULL REFERENCES cells(id), kind TEXT NOT NULL, path TEXT NOT NULL, PRIMARY KEY (cell, kind));
INSERT INTO notes VALUES ('threads', '4'), ('model', 'some/model'), ('spec', 'seeds: [0]'), ('fingerprints', 'f g');
INSERT INTO cells (id, label, status, seconds, variable, site, seed) VALUES ('c0', 'x L0.mlp seed 0', 'done', 2.5, 'x', 'L0.mlp', 0);
INSERT INTO fields VALUES ('c0', 0, 'variable', 'x', 1), ('c0', 1, 'probe index', '3', 0);
)sql");
  const std::string method_column = version == 1 ? "method TEXT NOT NULL, " : "";
  execute(database, "CREATE TABLE metrics (cell TEXT NOT NULL REFERENCES cells(id), ordinal INTEGER NOT NULL, " +
                        method_column +
                        "metric TEXT NOT NULL, value REAL, n INTEGER, sd REAL, control TEXT NOT NULL, p REAL, note "
                        "TEXT NOT NULL, PRIMARY KEY (cell, ordinal))");
  const std::string method = version == 1 ? "'circuit probing', " : "";
  execute(database,
          "INSERT INTO metrics VALUES ('c0', 0, " + method + "'knn_test_accuracy', 0.75, 8, NULL, '', NULL, '')");
  if (version == 2) {
    execute(database, "ALTER TABLE cells ADD COLUMN method TEXT NOT NULL DEFAULT 'circuit probing'");
  }
  execute(database, fmt::format("PRAGMA user_version = {}; PRAGMA application_id = 1668313698;", version));
  sqlite3_close(database);
}

class OldStore : public ::testing::TestWithParam<int> {};

TEST_P(OldStore, IsReadAsItIsAndBroughtToThePresentByARun) {
  const TemporaryFolder folder;
  make_old_store(folder.path(), GetParam());
  const std::string before = testing::read_bytes(folder / "run.sqlite");
  const auto check = [](const Store& store) {
    ASSERT_EQ(store.cells().size(), 1u);
    EXPECT_EQ(store.cells()[0].method, "circuit probing");
    EXPECT_EQ(store.cells()[0].status, CellStatus::kDone);
    ASSERT_EQ(store.metrics().size(), 1u);
    EXPECT_EQ(store.metrics()[0].metric.value, 0.75);
    EXPECT_EQ(store.metrics()[0].position, 3);
    ASSERT_EQ(store.invocations().size(), 1u);
    EXPECT_EQ(store.invocations()[0].n_threads, 4);
    EXPECT_EQ(store.invocations()[0].model, "some/model");
    EXPECT_EQ(store.data(), "f g");
  };
  check(Store::open_existing(folder.path()));
  EXPECT_EQ(testing::read_bytes(folder / "run.sqlite"), before);
  check(Store::open(folder.path()));
  Store::open(folder.path()).verify();
  EXPECT_NE(testing::read_bytes(folder / "run.sqlite"), before);
}

INSTANTIATE_TEST_SUITE_P(Version, OldStore, ::testing::Values(1, 2));

TEST(OldStore3, GetsChecksumsThatMeanSomethingWithThisVersion) {
  const TemporaryFolder folder;
  {
    Store store = Store::open(folder.path());
    store.plan({{"a", "toy", "a cell"}}, "data");
    store.begin({.n_threads = 1});
    store.record("a", {.metrics = {{.metric = "m", .value = 1}}});
  }
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((folder / "run.sqlite").c_str(), &database), SQLITE_OK);
  execute(database,
          "ALTER TABLE cells DROP COLUMN forgotten; ALTER TABLE invocations DROP COLUMN device; "
          "ALTER TABLE metrics DROP COLUMN lower; ALTER TABLE metrics DROP COLUMN upper; "
          "ALTER TABLE plans DROP COLUMN smallest_effect; ALTER TABLE plans DROP COLUMN correction; "
          "ALTER TABLE plans DROP COLUMN turn; ALTER TABLE plans DROP COLUMN titles; "
          "UPDATE cells SET checksum = 'of version 3'; PRAGMA user_version = 3;");
  sqlite3_close(database);
  const Store store = Store::open(folder.path());
  store.verify();
  EXPECT_EQ(store.invocations()[0].device, "cpu");
  EXPECT_EQ(store.rules().at("toy"), JudgeOptions());
  EXPECT_TRUE(store.titles().empty()) << "variables are called by their columns";
}

TEST(Judging, IsThatOfTheSpecPlannedLast) {
  const TemporaryFolder folder;
  const JudgeOptions strict{.smallest_effect = .1, .correction = Correction::kHolm}, loose{.smallest_effect = .01};
  const std::string other = method_name(MaskKind::kHardConcrete);
  {
    Store store = Store::open(folder.path());
    EXPECT_EQ(store.judging(), JudgeOptions()) << "nothing is planned";
    store.plan({{"a", std::string(kCircuitProbing), "a"}, {"b", other, "b"}}, "data", strict);
    EXPECT_EQ(store.judging(), strict);
    store.plan({{"c", "linear_probe", "c"}}, "data", loose);
    EXPECT_EQ(store.judging(), strict) << "comparison methods have rules of their own";
    EXPECT_EQ(store.rules().at("linear_probe"), loose);
    EXPECT_EQ(store.rules().at(other), strict);
    store.plan({{"b", other, "b"}}, "data", loose);
  }
  EXPECT_EQ(Store::open_existing(folder.path()).judging(), loose) << "mask methods share their rules: the last";
  Store store = Store::open(folder.path());
  store.plan({{"a", std::string(kCircuitProbing), "a"}}, "data");
  EXPECT_EQ(store.judging(), JudgeOptions()) << "the same cell, planned again with the defaults";
}

TEST(Judging, IsTakenOverFromAShardWithItsPlan) {
  const TemporaryFolder folder;
  const JudgeOptions strict{.smallest_effect = .1, .correction = Correction::kHolm};
  const std::vector<PlannedCell> plan = {{"a", std::string(kCircuitProbing), "a"}};
  { Store::open(folder / "shard").plan(plan, "data", strict); }
  Store store = Store::open(folder / "run");
  store.plan(plan, "data");
  store.gather(folder / "shard", false);
  EXPECT_EQ(store.judging(), JudgeOptions()) << "the plan is left as it is";
  store.gather(folder / "shard", true);
  EXPECT_EQ(store.judging(), strict);
}

TEST(Judging, SurvivesARepair) {
  const TemporaryFolder folder;
  const JudgeOptions strict{.smallest_effect = .1, .correction = Correction::kHolm};
  { Store::open(folder.path()).plan({{"a", std::string(kCircuitProbing), "a"}}, "data", strict); }
  Store::repair(folder.path());
  EXPECT_EQ(Store::open_existing(folder.path()).judging(), strict);
}

TEST(StoredTitles, AreThoseOfTheSpecPlannedLast) {
  const TemporaryFolder folder;
  const std::string method(kCircuitProbing);
  {
    Store store = Store::open(folder.path());
    EXPECT_TRUE(store.titles().empty());
    store.plan({{"a", method, "a"}}, "data", {}, {{"var_0", "a^2"}, {"var_1", "b"}});
    store.plan({{"c", "linear_probe", "c"}}, "data", {}, {{"var_0", "the \"square\""}});
    EXPECT_EQ(store.titles(), (Titles{{"var_0", "the \"square\""}, {"var_1", "b"}}));
    store.plan({{"a", method, "a"}}, "data", {}, {{"var_0", "b"}});
    EXPECT_EQ(store.titles(), (Titles{{"var_0", "b"}})) << "var_1 is in no plan any more";
  }
  EXPECT_EQ(Store::open_existing(folder.path()).titles(), (Titles{{"var_0", "b"}}));
}

TEST(StoredTitles, OfTwoPlansNeverCallTwoVariablesTheSame) {
  const TemporaryFolder folder;
  Store store = Store::open(folder.path());
  store.plan({{"a", std::string(kCircuitProbing), "a"}}, "data", {}, {{"var_0", "a"}});
  store.plan({{"c", "linear_probe", "c"}}, "data", {}, {{"var_1", "a"}});
  EXPECT_EQ(store.titles(), (Titles{{"var_1", "a"}}));
}

TEST(StoredTitles, AreTakenOverFromAShardAndSurviveARepair) {
  const TemporaryFolder folder;
  const std::vector<PlannedCell> plan = {{"a", std::string(kCircuitProbing), "a"}};
  const Titles titles = {{"var_0", "a^2"}};
  { Store::open(folder / "shard").plan(plan, "data", {}, titles); }
  {
    Store store = Store::open(folder / "run");
    store.gather(folder / "shard", true);
    EXPECT_EQ(store.titles(), titles);
  }
  Store::repair(folder / "run");
  EXPECT_EQ(Store::open_existing(folder / "run").titles(), titles);
}

TEST(Judging, RefusesRulesOfALaterVersion) {
  const TemporaryFolder folder;
  { Store::open(folder.path()).plan({{"a", std::string(kCircuitProbing), "a"}}, "data"); }
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((folder / "run.sqlite").c_str(), &database), SQLITE_OK);
  execute(database, "UPDATE plans SET correction = 'sidak'");
  sqlite3_close(database);
  EXPECT_FAILED_ERROR(Store::open_existing(folder.path()).judging(), "unknown correction 'sidak'");
}

TEST(OpenStore, RefusesALaterVersions) {
  const TemporaryFolder folder;
  { Store::open(folder.path()); }
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((folder / "run.sqlite").c_str(), &database), SQLITE_OK);
  execute(database, "PRAGMA user_version = 99");
  sqlite3_close(database);
  EXPECT_INPUT_ERROR(Store::open(folder.path()), "was written by a later version of cprobe (schema 99");
  EXPECT_INPUT_ERROR(Store::open_existing(folder.path()), "was written by a later version of cprobe (schema 99");
}

}  // namespace
}  // namespace cprobe
