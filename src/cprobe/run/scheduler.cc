#include "cprobe/run/scheduler.h"

#include <algorithm>

namespace cprobe {

Scheduler::Scheduler(const std::vector<ScheduledCell>& cells, size_t n_workers)
    : n_workers_(n_workers), n_left_(cells.size()) {
  std::map<int64_t, size_t> place;
  for (const ScheduledCell& cell : cells) {
    if (place.emplace(cell.group, groups_.size()).second) groups_.emplace_back();
    CellGroup& group = groups_[place.at(cell.group)];
    group.cells.push_back(cell.cell);
    group.seconds += cell.seconds;
    if (cell.cell >= seconds_.size()) seconds_.resize(cell.cell + 1);
    seconds_[cell.cell] = cell.seconds;
  }
  over_.resize(seconds_.size());
  n_lost_.resize(seconds_.size());
  if (n_workers_ == 1) return;
  for (CellGroup& group : groups_) {
    std::ranges::stable_sort(group.cells, std::ranges::greater(), [&](size_t cell) { return seconds_[cell]; });
  }
}

std::optional<size_t> Scheduler::next(size_t worker) {
  CellGroup* group = group_for(worker);
  if (group == nullptr) return std::nullopt;
  group->worker = worker;
  const size_t cell = group->cells.front();
  group->cells.pop_front();
  group->seconds -= seconds_[cell];
  running_[worker] = cell;
  return cell;
}

Scheduler::CellGroup* Scheduler::group_for(size_t worker) {
  CellGroup* unbegun = nullptr;
  CellGroup* begun = nullptr;
  for (CellGroup& group : groups_) {
    if (group.cells.empty()) continue;
    if (group.worker == worker) return &group;
    CellGroup*& best = group.worker ? begun : unbegun;
    if (best == nullptr || (n_workers_ > 1 && group.seconds > best->seconds)) best = &group;
  }
  if (unbegun != nullptr) return unbegun;
  return begun == nullptr ? nullptr : &split(*begun);
}

Scheduler::CellGroup& Scheduler::split(CellGroup& group) {
  // The longest cell goes to `half`: it must not wait for the cell that the group's worker is at.
  CellGroup half, rest;
  rest.worker = group.worker;
  for (size_t i = 0; i < group.cells.size(); ++i) {
    CellGroup& part = i % 2 == 0 ? half : rest;
    part.cells.push_back(group.cells[i]);
    part.seconds += seconds_[group.cells[i]];
  }
  group = std::move(rest);
  // Groups without cells are used again, so that the number of groups does not grow.
  const auto empty = std::ranges::find_if(groups_, [](const CellGroup& other) { return other.cells.empty(); });
  if (empty != groups_.end()) return *empty = std::move(half);
  return groups_.emplace_back(std::move(half));
}

bool Scheduler::finish(size_t cell) {
  std::erase_if(running_, [&](const auto& running) { return running.second == cell; });
  if (over_[cell]) return false;
  over_[cell] = true;
  --n_left_;
  // The cell is in a group again if its worker was given up before.
  for (CellGroup& group : groups_) {
    if (std::erase(group.cells, cell) > 0) group.seconds -= seconds_[cell];
  }
  return true;
}

std::optional<size_t> Scheduler::lose(size_t worker, bool is_in_cell) {
  for (CellGroup& group : groups_) {
    if (group.worker == worker) group.worker.reset();
  }
  const auto running = running_.find(worker);
  if (running == running_.end()) return std::nullopt;
  const size_t cell = running->second;
  running_.erase(running);
  if (over_[cell]) return std::nullopt;
  if (is_in_cell && ++n_lost_[cell] == 2) {
    finish(cell);
    return cell;
  }
  groups_.push_back({.cells = {cell}, .seconds = seconds_[cell]});
  return std::nullopt;
}

}  // namespace cprobe
