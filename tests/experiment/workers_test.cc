#include "cprobe/experiment/workers.h"

#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "cprobe/core/error.h"
#include "cprobe/experiment/compute_cells.h"
#include "cprobe/experiment/finished_message.h"
#include "cprobe/experiment/parallelism.h"
#include "cprobe/experiment/rank_workers.h"
#include "tests/support.h"

namespace cprobe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

std::vector<Store::PlannedCell> plan_of(size_t n_cells) {
  std::vector<Store::PlannedCell> plan;
  plan.reserve(n_cells);
  for (size_t i = 0; i < n_cells; ++i) plan.push_back({fmt::format("c{}", i), "toy", fmt::format("cell {}", i)});
  return plan;
}

/// Computes a cell's number; cell 2 fails.
ComputeCell make_toy(size_t /*worker*/) {
  return [](size_t cell, const ShareDone& on_progress) {
    on_progress(0.5, "half");
    if (cell == 2) throw input_error("cell 2 is beyond it");
    return Store::Finished{.variable = "x", .site = "L0.mlp", .metrics = {{.metric = "m", .value = double(cell)}}};
  };
}

CellBatch batch_of(size_t n_cells) {
  CellBatch batch{.what = "cells", .plan = plan_of(n_cells)};
  for (size_t i = 0; i < n_cells; ++i) batch.unfinished.push_back({i, static_cast<int64_t>(i / 2), 1});
  return batch;
}

std::vector<double> values_in(const Store& store) {
  std::vector<double> values;
  for (const Store::MetricRow& row : store.metrics()) values.push_back(row.metric.value);
  return values;
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
  compute_cells(store_, batch_of(6), *workers, Following::kQuiet, summary_);
  EXPECT_EQ(summary_.n_computed, 5);
  EXPECT_THAT(summary_.failures, ElementsAre("cell 2: cell 2 is beyond it"));
  EXPECT_THAT(values_in(store_), ElementsAre(0, 1, 3, 4, 5));
}

TEST_F(ToyCells, AreLeftToWhoeverHasClaimedThem) {
  CellBatch batch = batch_of(6);
  batch.claim = [](const std::string& id) { return id != "c1" && id != "c2"; };
  compute_cells(store_, batch, *thread_workers({2, 1}, make_toy), Following::kQuiet, summary_);
  EXPECT_EQ(summary_.n_computed, 4);
  EXPECT_EQ(summary_.n_elsewhere, 2);
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
    compute_cells(store_, batch_of(6), *workers, Following::kQuiet, summary_);
  }
  for (std::thread& other : others) other.join();
  EXPECT_THAT(summary_.failures, ElementsAre(HasSubstr("beyond it")));
  EXPECT_THAT(values_in(store_), ElementsAre(0, 1, 3, 4, 5));
}

TEST_F(ToyCells, OfARankThatFallsSilentGoToOthers) {
  Mailboxes mailboxes(3);
  std::thread silent([&] {
    Mailboxes::Rank self(mailboxes, 1);
    wait_for_start(self);
    std::string ready;
    nlohmann::json::to_cbor({{"kind", "report"}, {"what", 0}, {"thread", 0}, {"cell", 0}, {"share", 0.0}, {"text", ""}},
                            ready);
    self.send(0, ready);  // and no word more
  });
  std::thread other([&] {
    Mailboxes::Rank self(mailboxes, 2);
    serve(self, *thread_workers(wait_for_start(self).parallelism, make_toy), 30);
  });
  {
    Mailboxes::Rank self(mailboxes, 0);
    start_ranks(self, {{1, 1}});
    compute_cells(store_, batch_of(6), *rank_workers(self, 1, 8), Following::kQuiet, summary_);
  }
  silent.join();
  other.join();
  EXPECT_THAT(values_in(store_), ElementsAre(0, 1, 3, 4, 5));
}

TEST_F(ToyCells, EndWithAMessageWhereNoRankCanCompute) {
  Mailboxes mailboxes(2);
  Mailboxes::Rank self(mailboxes, 0), other(mailboxes, 1);
  report_unfit(other, "no such model");
  EXPECT_FAILED_ERROR(compute_cells(store_, batch_of(6), *rank_workers(self, 1, 30), Following::kQuiet, summary_),
                      "are lost");
}

TEST(FinishedMessage, KeepsEveryBit) {
  const Store::Finished finished{
      .variable = "x",
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
      .row = {{"n", int64_t{-7}}, {"whole", 2.0}, {"text", std::string("é")}},
      .curve = {{.loss = 1.0 / 3, .objective = 2, .l0_term = 3, .temperature = 4, .n_kept = 5}},
      .circuit_file = "circuits/x",
      .circuit = std::string("\0\xff\x01", 3)};
  const Store::Finished back = finished_of(nlohmann::json::from_cbor(nlohmann::json::to_cbor(to_json(finished))));
  EXPECT_EQ(back.seed, finished.seed);
  EXPECT_EQ(back.metrics[0].value, finished.metrics[0].value);
  EXPECT_EQ(back.metrics[0].sd, finished.metrics[0].sd);
  EXPECT_FALSE(back.metrics[0].p.has_value());
  EXPECT_EQ(back.metrics[0].draws, finished.metrics[0].draws);
  EXPECT_EQ(back.metrics[0].note, finished.metrics[0].note);
  EXPECT_EQ(back.row, finished.row);
  EXPECT_EQ(back.curve[0].loss, finished.curve[0].loss);
  EXPECT_EQ(back.circuit, finished.circuit);
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
