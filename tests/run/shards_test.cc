#include "cprobe/run/cluster/shards.h"

#include <chrono>
#include <optional>
#include <thread>

#include "cprobe/run/run_folder.h"
#include "cprobe/run/run_lock.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::TemporaryFolder;

std::vector<PlannedCell> plan_of(const std::vector<std::string>& ids) {
  std::vector<PlannedCell> plan;
  plan.reserve(ids.size());
  for (const std::string& id : ids) plan.push_back({id, "toy", "cell " + id});
  return plan;
}

/// Makes a record with a plan of which some cells are finished.
void make_record(const std::filesystem::path& folder, const std::vector<std::string>& planned,
                 const std::vector<std::string>& finished, const std::string& started = "2024",
                 const std::string& data = "data") {
  Store store = Store::open(folder);
  if (!planned.empty()) store.plan(plan_of(planned), data);
  store.begin({.started = started, .n_threads = 1});
  for (const std::string& id : finished) store.record(id, {.metrics = {{.metric = "m", .value = 1}}});
}

std::vector<std::string> finished_in(const std::filesystem::path& folder) {
  std::vector<std::string> ids;
  for (const RecordedMetric& row : Store::open_existing(folder).metrics()) ids.push_back(row.cell);
  return ids;
}

TEST(Shards, AreGatheredInTheOrderOfThePlanAndOnce) {
  const TemporaryFolder run;
  make_record(shard_folder(run.path(), "one"), {"a", "b", "c"}, {"c"});
  make_record(shard_folder(run.path(), "two"), {"a", "b", "c"}, {"a"});
  const MergeSummary first = merge_shards(run.path());
  EXPECT_EQ(first.n_shards, 2);
  EXPECT_EQ(first.n_gathered, 2);
  EXPECT_EQ(first.n_done, 2);
  EXPECT_EQ(first.n_cells, 3);
  EXPECT_THAT(finished_in(run.path()), ElementsAre("a", "c"));
  EXPECT_EQ(merge_shards(run.path()).n_gathered, 0);
  EXPECT_EQ(Store::open_existing(run.path()).invocations().size(), 1u) << "one call, told by both";
}

TEST(Shards, KilledBeforeTheyHadAPlanChangeNothing) {
  const TemporaryFolder run;
  make_record(shard_folder(run.path(), "a"), {"a", "b"}, {"a"});
  make_record(shard_folder(run.path(), "z"), {}, {});
  merge_shards(run.path());
  EXPECT_THAT(finished_in(run.path()), ElementsAre("a"));
}

TEST(Shards, ShowThePlanOfTheOneThatWasBegunLast) {
  const TemporaryFolder run;
  make_record(shard_folder(run.path(), "999"), {"a"}, {"a"}, "2023");
  make_record(shard_folder(run.path(), "1000"), {"a", "b"}, {"b"}, "2024");
  EXPECT_EQ(merge_shards(run.path()).n_cells, 2);
}

TEST(Shards, OfOtherDataAreRefused) {
  const TemporaryFolder run;
  make_record(shard_folder(run.path(), "a"), {"a"}, {"a"}, "2024", "data");
  make_record(shard_folder(run.path(), "b"), {"b"}, {"b"}, "2024", "other data");
  EXPECT_INPUT_ERROR(merge_shards(run.path()), "several models or data");
  EXPECT_INPUT_ERROR(merge_shards(run / "nowhere"), "no such folder");
  EXPECT_INPUT_ERROR(merge_shards(shard_folder(run.path(), "a")), "holds no shards");
  EXPECT_INPUT_ERROR(shard_folder(run.path(), "../a"), "cannot be the name");
}

TEST(Shards, AtWorkKeepARunOfTheWholeFolderOut) {
  const TemporaryFolder run;
  const std::filesystem::path shard = shard_folder(run.path(), "a");
  make_record(shard, {"a"}, {"a"});
  {
    const RunLock working(shard, false);
    EXPECT_INPUT_ERROR(lock_whole(run.path(), false), "are at work (a)");
    EXPECT_THAT(merge_shards(run.path()).working, ElementsAre("a"));
  }
  lock_whole(run.path(), false);
  EXPECT_THAT(merge_shards(run.path()).working, IsEmpty());
}

TEST(Shards, AtWorkAreWaitedForWhereAsked) {
  const TemporaryFolder run;
  const std::filesystem::path shard = shard_folder(run.path(), "a");
  make_record(shard, {"a"}, {"a"});
  std::optional<RunLock> working(std::in_place, shard, false);
  std::thread begins_and_ends([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const RunLock for_a_moment(run.path(), true);  // A shard that begins takes this lock.
    working.reset();
  });
  std::vector<std::string> lines;
  const auto on_message = [&](const Message& message) { lines.push_back(message.text); };
  EXPECT_NE(lock_whole(run.path(), true, on_message), nullptr);
  begins_and_ends.join();
  EXPECT_EQ(lines.front(), run.path().string() + ": 1 of its shards are at work (a); waiting for their end");
}

TEST(Shards, OfEarlierSpecsLeaveThePlanToTheRunOfTheWholeFolder) {
  const TemporaryFolder run;
  make_record(shard_folder(run.path(), "a"), {"a", "b"}, {"a", "b"}, "2024", "other data");
  make_record(run.path(), {"b", "c"}, {"c"});
  gather_shards(run.path());
  EXPECT_EQ(Store::open_existing(run.path()).data(), "data");
  EXPECT_THAT(finished_in(run.path()), ElementsAre("b", "c"));
  EXPECT_EQ(Store::open_existing(run.path()).n_unplanned(), 1);
}

TEST(Shards, GiveNothingThatIsOlderThanTheWishToComputeItAgain) {
  const TemporaryFolder run;
  make_record(shard_folder(run.path(), "old"), {"a", "b"}, {"a", "b"});
  merge_shards(run.path());
  Store::open(run.path()).forget(plan_of({"a"}));
  EXPECT_EQ(merge_shards(run.path()).n_gathered, 0);
  EXPECT_THAT(finished_in(run.path()), ElementsAre("b"));
  make_record(shard_folder(run.path(), "new"), {"a", "b"}, {"a"}, "9999");
  EXPECT_EQ(merge_shards(run.path()).n_gathered, 1);
}

TEST(Shards, GiveIntactCellsOnlyAndTheirCircuitsInPlaceOfDamagedOnes) {
  const TemporaryFolder run;
  const std::filesystem::path shard = shard_folder(run.path(), "a");
  {
    Store store = Store::open(shard);
    store.plan(plan_of({"a", "b", "c"}), "data");
    store.begin({.started = "2024", .n_threads = 1});
    for (const char* id : {"a", "b", "c"}) {
      store.record(id, {.metrics = {{.metric = "m", .value = 1}},
                        .circuit_file = fmt::format("circuits/{}", id),
                        .circuit = "units"});
    }
  }
  testing::write_bytes(shard / "circuits/b", "unitz");
  std::filesystem::remove(shard / "circuits/c");
  std::filesystem::create_directories(run / "circuits");
  testing::write_bytes(run / "circuits/a", "unitz");
  const MergeSummary summary = merge_shards(run.path());
  EXPECT_EQ(summary.n_gathered, 1);
  EXPECT_THAT(summary.damaged, ElementsAre("cell b", "cell c"));
  EXPECT_EQ(testing::read_bytes(run / "circuits/a"), "units");
  EXPECT_FALSE(std::filesystem::exists(run / "circuits/b"));
}

TEST(Claims, BelongToOneProcessUntilTheCellIsOver) {
  const TemporaryFolder run;
  const RunLock one_lock(run / "one", false), two_lock(run / "two", false);
  {
    Claims one(run.path(), run / "one", false), two(run.path(), run / "two", false);
    EXPECT_TRUE(one.take("a"));
    EXPECT_TRUE(one.take("a")) << "a worker of its own was lost with it";
    EXPECT_FALSE(two.take("a"));
    EXPECT_TRUE(two.take("b"));
    one.finish("a", true);
    EXPECT_FALSE(two.take("a"));
  }
  EXPECT_TRUE(Claims(run.path(), run / "two", false).take("b")) << "its process ended without finishing it";
}

TEST(Claims, OfFailedCellsAreTakenAgainOnDemandAndOnce) {
  const TemporaryFolder run;
  const RunLock first_lock(run / "first", false);
  Claims first(run.path(), run / "first", false);
  ASSERT_TRUE(first.take("a"));
  first.finish("a", false);
  // The clock of a file system ticks every few milliseconds.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const RunLock again_lock(run / "again", false), beside_lock(run / "beside", false);
  Claims again(run.path(), run / "again", true), beside(run.path(), run / "beside", true);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(first.take("a"));
  ASSERT_TRUE(again.take("a"));
  again.finish("a", false);
  EXPECT_FALSE(beside.take("a")) << "it failed again meanwhile";
}

}  // namespace
}  // namespace cprobe
