#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace cprobe {

/// A cell to compute, as the scheduler sees it.
struct ScheduledCell {
  size_t cell = 0;     ///< Number of the cell in the plan; each number comes once.
  int64_t group = 0;   ///< Cells of a group share work, such as the states before a component.
  double seconds = 0;  ///< Time that the cell is expected to take; only ratios matter.
};

/// Hands cells to workers, one at a time. A worker gets
///   - the next cell of its group, the longest first;
///   - when its group is done: the group that no worker has begun and that takes longest;
///   - when all groups are begun: every second cell of the group with most time left.
///
/// A single worker gets groups, and the cells of each group, in the order given. Knows no clock,
/// thread or message: a run and its simulation use the same code.
class Scheduler {
 public:
  Scheduler(const std::vector<ScheduledCell>& cells, size_t n_workers);

  /// Begins the next cell of a worker that has none. @return  none if no cell is left to begin now.
  std::optional<size_t> next(size_t worker);

  /// Notes that a cell is over: computed or failed.
  /// @return  false if the cell was over before, as after a report of a worker that was given up.
  bool finish(size_t cell);

  /// Notes that a worker is lost. The worker's cell and the rest of its group go to other workers.
  /// A cell that may have been the reason for losing two workers is over.
  /// @param is_in_cell  whether the worker's cell may be the reason for losing the worker.
  /// @return  the worker's cell if the cell is over now for that reason; else none.
  std::optional<size_t> lose(size_t worker, bool is_in_cell = true);

  bool finished() const { return n_left_ == 0; }
  /// The cell that each worker has now, by worker.
  const std::map<size_t, size_t>& running() const { return running_; }

 private:
  struct CellGroup {
    std::deque<size_t> cells;      ///< Cells not begun, the next first.
    double seconds = 0;            ///< Expected time of `cells`.
    std::optional<size_t> worker;  ///< The worker on this group; none if no worker is.
  };
  /// The group from which a worker takes its next cell; null if no cell is left to begin.
  CellGroup* group_for(size_t worker);
  /// Moves every second cell of a group, the first included, into a group of its own.
  CellGroup& split(CellGroup& group);

  size_t n_workers_;
  std::vector<double> seconds_;  ///< Expected time, by cell.
  std::vector<CellGroup> groups_;
  std::map<size_t, size_t> running_;
  std::vector<bool> over_;
  std::vector<int> n_lost_;  ///< Workers lost because of a cell, by cell.
  size_t n_left_;            ///< Cells that are not over.
};

}  // namespace cprobe
