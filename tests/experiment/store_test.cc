#include "cprobe/experiment/store.h"

#include <sqlite3.h>

#include <algorithm>

#include "cprobe/experiment/sqlite.h"
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

}  // namespace
}  // namespace cprobe
