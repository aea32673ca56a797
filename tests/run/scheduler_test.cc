#include "cprobe/run/scheduler.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <queue>
#include <random>

namespace cprobe {
namespace {

using ::testing::Optional;

TEST(Scheduler, GivesOneWorkerTheCellsAsTheyCome) {
  Scheduler scheduler({{3, 0, 1}, {1, 1, 9}, {2, 1, 20}}, 1);
  for (const size_t cell : {3u, 1u, 2u}) {
    EXPECT_THAT(scheduler.next(0), Optional(cell));
    EXPECT_FALSE(scheduler.finished());
    EXPECT_TRUE(scheduler.finish(cell));
  }
  EXPECT_EQ(scheduler.next(0), std::nullopt);
  EXPECT_TRUE(scheduler.finished());
}

TEST(Scheduler, KeepsAWorkerOnItsGroupAndBeginsWithWhatTakesLongest) {
  Scheduler scheduler({{0, 0, 1}, {1, 0, 2}, {2, 1, 8}, {3, 1, 9}}, 2);
  EXPECT_THAT(scheduler.next(0), Optional(3u));
  EXPECT_THAT(scheduler.next(1), Optional(1u));
  scheduler.finish(1);
  EXPECT_THAT(scheduler.next(1), Optional(0u)) << "the other cell of its group, though cell 2 takes longer";
  scheduler.finish(0);
  EXPECT_THAT(scheduler.next(1), Optional(2u)) << "from the group of the other";
}

TEST(Scheduler, GivesCellsOfALostWorkerToOthersAndGivesUpWhatLosesTwo) {
  Scheduler scheduler({{0, 0, 5}, {1, 0, 1}, {2, 1, 4}}, 3);
  EXPECT_THAT(scheduler.next(0), Optional(0u));
  EXPECT_THAT(scheduler.next(1), Optional(2u));
  EXPECT_EQ(scheduler.lose(0), std::nullopt);
  scheduler.finish(2);
  EXPECT_THAT(scheduler.next(1), Optional(0u));
  EXPECT_THAT(scheduler.lose(1), Optional(0u)) << "two workers died of it";
  EXPECT_THAT(scheduler.next(2), Optional(1u));
  EXPECT_TRUE(scheduler.finish(1));
  EXPECT_TRUE(scheduler.finished());
}

TEST(Scheduler, CountsACellOnceThatAWorkerReportsAfterItWasGivenUp) {
  Scheduler scheduler({{0, 0, 1}, {1, 0, 1}}, 2);
  scheduler.next(0);
  scheduler.lose(0);
  EXPECT_TRUE(scheduler.finish(0));
  EXPECT_THAT(scheduler.next(1), Optional(1u)) << "cell 0 is over";
  EXPECT_TRUE(scheduler.finish(1));
  EXPECT_FALSE(scheduler.finish(1));
  EXPECT_TRUE(scheduler.finished());
}

/// The outcome of a simulated run.
struct Simulated {
  double makespan = 0;     ///< Time until the last cell is over.
  double bound = 0;        ///< Lower bound: the larger of mean work and longest cell.
  double idle_share = 0;   ///< Share of the workers' time without a cell.
  int64_t n_computed = 0;  ///< Times that a cell was computed to its end.
  int64_t n_lost = 0;      ///< Times that a worker died at a cell.
  bool all_over = false;
};

/// Simulates a run with the real scheduler. Cells come in groups of 20 and take log-normal times
/// (sigma 1). Some workers die at a random time.
/// @param share_dying  share of the workers that die.
/// @param error        standard deviation of log(expected time / true time).
Simulated simulate(size_t n_cells, size_t n_workers, double share_dying, double error) {
  std::mt19937_64 generator(7);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  std::vector<double> seconds;
  std::vector<ScheduledCell> cells;
  for (size_t i = 0; i < n_cells; ++i) {
    seconds.push_back(std::exp(normal(generator)));
    cells.push_back({i, static_cast<int64_t>(i / 20), seconds.back() * std::exp(error * normal(generator))});
  }
  const double total = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  const double mean = total / static_cast<double>(n_workers);
  Simulated result{.bound = std::max(mean, std::ranges::max(seconds))};

  struct Event {
    double time;
    size_t worker;
    size_t cell;
    bool dies;
    bool operator>(const Event& other) const { return time > other.time; }
  };
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events;
  std::vector<double> death(n_workers, 1e300);
  for (double& time : death) {
    if (uniform(generator) < share_dying) time = uniform(generator) * mean;
  }
  Scheduler scheduler(cells, n_workers);
  std::vector<size_t> idle;
  double busy = 0;
  const auto give = [&](size_t worker, double now) {
    const std::optional<size_t> cell = scheduler.next(worker);
    if (!cell) return false;
    const double end = now + seconds[*cell];
    const bool dies = death[worker] < end;
    const double until = std::max(now, std::min(end, death[worker]));
    busy += until - now;
    events.push({until, worker, *cell, dies});
    return true;
  };
  for (size_t worker = 0; worker < n_workers; ++worker) {
    if (!give(worker, 0)) idle.push_back(worker);
  }
  while (!events.empty()) {
    const Event event = events.top();
    events.pop();
    result.makespan = event.time;
    if (event.dies) {
      scheduler.lose(event.worker);
      ++result.n_lost;
      while (!idle.empty() && give(idle.back(), event.time)) idle.pop_back();
      continue;
    }
    ++result.n_computed;
    scheduler.finish(event.cell);
    if (!give(event.worker, event.time)) idle.push_back(event.worker);
  }
  result.all_over = scheduler.finished();
  result.idle_share = 1 - busy / (result.makespan * static_cast<double>(n_workers));
  return result;
}

TEST(SchedulerSimulation, KeepsWorkersBusyAndLosesNothing) {
  struct Case {
    size_t n_workers;
    double share_dying, error;
  };
  for (const Case& c : {Case{100, 0, 0}, {100, 0.01, 0}, {100, 0.01, 0.3}, {1000, 0, 0}, {1000, 0.01, 0}}) {
    const Simulated run = simulate(10'000, c.n_workers, c.share_dying, c.error);
    fmt::print(
        "{} workers, {}% die, expected times off by {}: {:.3f} of the shortest possible time, idle {:.1f}%, {} lost\n",
        c.n_workers, 100 * c.share_dying, c.error, run.makespan / run.bound, 100 * run.idle_share, run.n_lost);
    EXPECT_TRUE(run.all_over);
    EXPECT_EQ(run.n_computed, 10'000) << "each once";
    EXPECT_LE(run.makespan, 1.05 * run.bound);
    // With 1,000 workers, the longest cell takes longer than a worker's mean work: workers idle.
    if (c.n_workers == 100) {
      EXPECT_LE(run.idle_share, 0.05);
    }
  }
}

}  // namespace
}  // namespace cprobe
