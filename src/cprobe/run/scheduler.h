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
  size_t cell = 0;     ///< Its number in the plan; each comes once.
  int64_t group = 0;   ///< Cells of a group share work, such as the states before a component.
  double seconds = 0;  ///< It is expected to take; only ratios matter.
};

/// Hands cells to workers, one at a time: to each the next cell of the group that it is on; then the group that takes
/// longest; and once every group has been begun, every second cell of the one of which most is left. One worker takes
/// all cells as they come. Knows no clock, thread or message: a run and its simulation use the same code.
class Scheduler {
 public:
  Scheduler(const std::vector<ScheduledCell>& cells, size_t n_workers);

  /// The next cell for a worker that has none; none: for now nothing is left to begin.
  std::optional<size_t> next(size_t worker);

  /// A cell is over: computed or failed. @return whether it was not before, as it may be of a worker that was given up.
  bool finish(size_t cell);

  /// A worker is gone: its cell, and what it had not begun, go to others.
  /// @param is_in_cell whether it may be gone because of the cell.
  /// @return its cell, where it is the second worker that is lost with it: it is over, and nobody tries it again.
  std::optional<size_t> lose(size_t worker, bool is_in_cell = true);

  bool finished() const { return n_left_ == 0; }
  /// Cells that a worker has now, by worker.
  const std::map<size_t, size_t>& running() const { return running_; }

 private:
  struct CellGroup {
    std::deque<size_t> cells;  ///< Not begun; in the order in which they are to be.
    double seconds = 0;        ///< Of these.
    std::optional<size_t> worker;
  };
  CellGroup* group_for(size_t worker);
  CellGroup& split(CellGroup& group);

  size_t n_workers_;
  std::vector<double> seconds_;  ///< By cell.
  std::vector<CellGroup> groups_;
  std::map<size_t, size_t> running_;
  std::vector<bool> over_;
  std::vector<int> n_lost_;
  size_t n_left_;
};

}  // namespace cprobe
