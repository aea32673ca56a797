#include "cprobe/run/workers.h"

#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "cprobe/core/error.h"
#include "cprobe/run/cluster/finished_message.h"
#include "cprobe/run/cluster/rank_workers.h"
#include "cprobe/run/compute_cells.h"
#include "cprobe/run/parallelism.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

std::vector<PlannedCell> plan_of(size_t n_cells) {
  std::vector<PlannedCell> plan;
  plan.reserve(n_cells);
  for (size_t i = 0; i < n_cells; ++i) plan.push_back({fmt::format("c{}", i), "toy", fmt::format("cell {}", i)});
  return plan;
}

/// Makes a function that computes a cell's own number as its figure. Cell 2 fails.
ComputeCell make_toy(size_t /*worker*/) {
  return [](size_t cell, const OnProgress& on_progress) {
    tell(on_progress, {"half", 1, 2});
    if (cell == 2) throw input_error("cell 2 is beyond it");
    return FinishedCell{.variable = "x", .site = "L0.mlp", .metrics = {{.metric = "m", .value = double(cell)}}};
  };
}

CellBatch batch_of(size_t n_cells) {
  CellBatch batch{.what = "cells", .plan = plan_of(n_cells)};
  for (size_t i = 0; i < n_cells; ++i) batch.unfinished.push_back({i, static_cast<int64_t>(i / 2), 1});
  return batch;
}

std::vector<double> values_in(const Store& store) {
  std::vector<double> values;
  for (const RecordedMetric& row : store.metrics()) values.push_back(row.metric.value);
  return values;
}

/// Puts the texts of messages into a list.
OnMessage into(std::vector<std::string>& lines) {
  return [&lines](const Message& message) { lines.push_back(message.text); };
}

/// A record with the plan of some toy cells.
class ToyCells : public ::testing::Test {
 protected:
  ToyCells() : store_(Store::open(folder_.path())) { store_.plan(plan_of(6), "data"); }

  const TemporaryFolder folder_;
  Store store_;
  RunSummary summary_;
};

TEST_F(ToyCells, AreComputedByThreadsAndAFailureStopsNone) {
  const auto workers = thread_workers({3, 1}, make_toy);
  compute_cells(store_, batch_of(6), *workers, {}, summary_);
  EXPECT_EQ(summary_.n_computed, 5);
  EXPECT_THAT(summary_.failures, ElementsAre("cell 2: cell 2 is beyond it"));
  EXPECT_THAT(values_in(store_), ElementsAre(0, 1, 3, 4, 5));
}

TEST_F(ToyCells, AreLeftToWhoeverHasClaimedThem) {
  CellBatch batch = batch_of(6);
  batch.claim = [](const std::string& id) { return id != "c1" && id != "c2"; };
  compute_cells(store_, batch, *thread_workers({2, 1}, make_toy), {}, summary_);
  EXPECT_EQ(summary_.n_computed, 4);
  EXPECT_EQ(summary_.n_elsewhere, 2);
}

TEST_F(ToyCells, OfAWorkerThatCannotWorkGoToOthers) {
  const auto make = [](size_t worker) {
    if (worker != 1) throw failure("no memory on its device");
    return make_toy(worker);
  };
  std::vector<std::string> lines;
  compute_cells(store_, batch_of(6), *thread_workers({3, 1}, make), {.on_message = into(lines)}, summary_);
  // Workers 0 and 2 cannot go on. One of them may say so only after the last cell is done.
  ASSERT_THAT(lines, ::testing::Not(::testing::IsEmpty()));
  EXPECT_THAT(lines, ::testing::Each("a worker cannot go on: no memory on its device"));
  EXPECT_THAT(summary_.failures, ElementsAre("cell 2: cell 2 is beyond it"));
  EXPECT_THAT(values_in(store_), ElementsAre(0, 1, 3, 4, 5));
}

TEST_F(ToyCells, DoNotFailBecauseNoWorkerCanWork) {
  const auto make = [](size_t) -> ComputeCell { throw failure("no memory on its device"); };
  EXPECT_FAILED_ERROR(compute_cells(store_, batch_of(6), *thread_workers({3, 1}, make), {}, summary_),
                      "no worker is left: no memory on its device");
  EXPECT_EQ(unfinished_cells(store_, plan_of(6)).size(), 6u);
}

/// Ranks that are threads of this process.
class Mailboxes {
 public:
  explicit Mailboxes(int n) : boxes_(static_cast<size_t>(n)) {}

  class Rank : public Ranks {
   public:
    Rank(Mailboxes& mailboxes, int rank) : mailboxes_(mailboxes), rank_(rank) {}
    int rank() const override { return rank_; }
    int count() const override { return static_cast<int>(mailboxes_.boxes_.size()); }
    void send(int to, std::string message) override {
      const std::lock_guard lock(mailboxes_.mutex_);
      mailboxes_.boxes_[static_cast<size_t>(to)].emplace_back(rank_, std::move(message));
    }
    std::optional<std::pair<int, std::string>> receive() override {
      const std::lock_guard lock(mailboxes_.mutex_);
      auto& box = mailboxes_.boxes_[static_cast<size_t>(rank_)];
      if (box.empty()) return std::nullopt;
      auto message = std::move(box.front());
      box.pop_front();
      return message;
    }

   private:
    Mailboxes& mailboxes_;
    int rank_;
  };

 private:
  std::mutex mutex_;
  std::vector<std::deque<std::pair<int, std::string>>> boxes_;
};

TEST_F(ToyCells, AreComputedByOtherRanks) {
  Mailboxes mailboxes(3);
  std::vector<std::thread> others;
  for (const int rank : {1, 2}) {
    others.emplace_back([&, rank] {
      Mailboxes::Rank self(mailboxes, rank);
      const RankStart start = wait_for_start(self);
      serve(self, *thread_workers(start.parallelism, make_toy), 30);
    });
  }
  {
    Mailboxes::Rank self(mailboxes, 0);
    start_ranks(self, {{2, 1}});
    const auto workers = rank_workers(self, 2, 30);
    EXPECT_EQ(workers->count(), 4u);
    compute_cells(store_, batch_of(6), *workers, {}, summary_);
  }
  for (std::thread& other : others) other.join();
  EXPECT_THAT(summary_.failures, ElementsAre(HasSubstr("beyond it")));
  EXPECT_THAT(values_in(store_), ElementsAre(0, 1, 3, 4, 5));
}

/// A message of a rank with a WorkerReport of some kind.
std::string report_message(WorkerReport::Kind kind, size_t thread, size_t cell, const std::string& text = "") {
  nlohmann::json message = {{"kind", "report"}, {"what", static_cast<int>(kind)},
                            {"thread", thread}, {"cell", cell},
                            {"share", 0.0},     {"text", text}};
  if (kind == WorkerReport::Kind::kComputed) message["finished"] = to_json(FinishedCell());
  std::string bytes;
  nlohmann::json::to_cbor(message, bytes);
  return bytes;
}

TEST(RankWorkers, HandOnOneResultAtATimeAndSayMeanwhileThatRank0Lives) {
  Mailboxes mailboxes(2);
  Mailboxes::Rank self(mailboxes, 0), other(mailboxes, 1);
  const auto workers = rank_workers(self, 1, 30);
  for (size_t cell = 0; cell < 3; ++cell) other.send(0, report_message(WorkerReport::Kind::kComputed, 0, cell));
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  for (size_t cell = 0; cell < 3; ++cell) {
    const std::vector<WorkerReport> reports = workers->reports(std::chrono::milliseconds(0));
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_EQ(reports[0].cell, cell);
  }
  EXPECT_TRUE(workers->reports(std::chrono::milliseconds(0)).empty());
  EXPECT_TRUE(other.receive().has_value()) << "a sign of life";
}

TEST(RankWorkers, TakeNoRankForLostBeforeTheyHandedOnWhatItSaid) {
  Mailboxes mailboxes(2);
  Mailboxes::Rank self(mailboxes, 0), other(mailboxes, 1);
  const auto workers = rank_workers(self, 1, 0.2);
  for (size_t cell = 0; cell < 3; ++cell) other.send(0, report_message(WorkerReport::Kind::kComputed, 0, cell));
  const auto kinds = [&] {
    std::vector<WorkerReport::Kind> found;
    for (const WorkerReport& report : workers->reports(std::chrono::milliseconds(0))) found.push_back(report.kind);
    return found;
  };
  EXPECT_THAT(kinds(), ElementsAre(WorkerReport::Kind::kComputed));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_THAT(kinds(), ElementsAre(WorkerReport::Kind::kComputed));
  EXPECT_THAT(kinds(), ElementsAre(WorkerReport::Kind::kComputed, WorkerReport::Kind::kLost));
  other.send(0, "");
  EXPECT_THAT(kinds(), ElementsAre(WorkerReport::Kind::kReady));
}

TEST_F(ToyCells, AreNotGivenToAThreadThatSaidItCannotWork) {
  Mailboxes mailboxes(2);
  Mailboxes::Rank self(mailboxes, 0), other(mailboxes, 1);
  std::vector<std::string> lines;
  const auto workers = rank_workers(self, 2, 0.2, into(lines));
  other.send(0, report_message(WorkerReport::Kind::kReady, 0, 0));
  other.send(0, report_message(WorkerReport::Kind::kLost, 1, 0, "no memory"));
  EXPECT_EQ(workers->reports(std::chrono::milliseconds(0)).size(), 2u);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(workers->reports(std::chrono::milliseconds(0)).size(), 2u) << "both lost, as the rank is silent";
  EXPECT_THAT(lines, ElementsAre(HasSubstr("rank 1: ")));
  other.send(0, report_message(WorkerReport::Kind::kProgress, 0, 0));
  const std::vector<WorkerReport> back = workers->reports(std::chrono::milliseconds(0));
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[0].kind, WorkerReport::Kind::kReady);
  EXPECT_EQ(back[0].worker, 0u);
  EXPECT_EQ(back[1].kind, WorkerReport::Kind::kProgress);
}

TEST_F(ToyCells, OfARankThatFallsSilentGoToOthers) {
  Mailboxes mailboxes(3);
  std::thread silent([&] {
    Mailboxes::Rank self(mailboxes, 1);
    wait_for_start(self);
    self.send(0, report_message(WorkerReport::Kind::kReady, 0, 0));  // The rank's last message.
  });
  std::thread other([&] {
    Mailboxes::Rank self(mailboxes, 2);
    serve(self, *thread_workers(wait_for_start(self).parallelism, make_toy), 30);
  });
  {
    Mailboxes::Rank self(mailboxes, 0);
    start_ranks(self, {{1, 1}});
    compute_cells(store_, batch_of(6), *rank_workers(self, 1, 8), {}, summary_);
  }
  silent.join();
  other.join();
  EXPECT_THAT(values_in(store_), ElementsAre(0, 1, 3, 4, 5));
}

TEST_F(ToyCells, EndWithAMessageWhereNoRankCanCompute) {
  Mailboxes mailboxes(2);
  Mailboxes::Rank self(mailboxes, 0), other(mailboxes, 1);
  report_unfit(other, "no such model");
  EXPECT_FAILED_ERROR(compute_cells(store_, batch_of(6), *rank_workers(self, 1, 30), {}, summary_),
                      "no worker is left");
}

TEST(FinishedMessage, KeepsEveryBit) {
  const FinishedCell finished{.variable = "x",
                              .site = "L0.mlp",
                              .position = 3,
                              .seed = 1ULL << 63,
                              .seconds = 0.1,
                              .metrics = {{.metric = "m",
                                           .value = 0.1 + 0.2,
                                           .n = 4,
                                           .sd = 1e-300,
                                           .control = "random",
                                           .draws = {0.1, 1.0 / 3},
                                           .note = "a\xff"}},
                              .row = {{"n", "-7", false}, {"whole", "2.0", false}, {"text", "é", true}},
                              .curve = {{.loss = 1.0 / 3, .objective = 2, .l0_term = 3, .temperature = 4, .n_kept = 5}},
                              .circuit_file = "circuits/x",
                              .circuit = std::string("\0\xff\x01", 3)};
  const FinishedCell back = finished_of(nlohmann::json::from_cbor(nlohmann::json::to_cbor(to_json(finished))));
  EXPECT_EQ(back, finished);
}

TEST(Parallelism, IsRecordedForEachKindOfDevice) {
  const TemporaryFolder folder;
  EXPECT_FALSE(recorded_parallelism(folder.path(), at::kCPU).has_value());
  Store store = Store::open(folder.path());
  store.begin({.n_jobs = 16, .n_threads = 1});
  store.begin({.n_jobs = 1, .n_threads = 8, .device = "cuda"});
  EXPECT_EQ(recorded_parallelism(folder.path(), at::kCPU), (Parallelism{16, 1}));
  EXPECT_EQ(recorded_parallelism(folder.path(), at::Device(at::kCUDA, 1)), (Parallelism{1, 8}));
}

TEST(Parallelism, IsWhatWasAskedForOrRecordedOrElseMeasured) {
  const auto measured = [] { return Parallelism{8, 1}; };
  const auto never = []() -> Parallelism { throw failure("measured"); };
  EXPECT_EQ(settle_parallelism(2, 3, Parallelism{4, 4}, never), (Parallelism{2, 3}));
  EXPECT_EQ(settle_parallelism(0, 3, Parallelism{4, 4}, never), (Parallelism{1, 3}));
  EXPECT_EQ(settle_parallelism(0, 4, Parallelism{2, 4}, never), (Parallelism{2, 4}));
  EXPECT_EQ(settle_parallelism(3, 0, Parallelism{2, 4}, never), (Parallelism{3, 4})) << "threads make the numbers";
  EXPECT_EQ(settle_parallelism(0, 0, Parallelism{2, 4}, never), (Parallelism{2, 4}));
  EXPECT_EQ(settle_parallelism(0, 0, std::nullopt, measured), (Parallelism{8, 1}));
}

}  // namespace
}  // namespace cprobe
