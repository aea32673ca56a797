#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/record/recorded.h"

struct sqlite3;

namespace cprobe {

/// The record of a run: `run.sqlite` in its folder (docs/file_formats.md). One transaction per finished cell
/// (write-ahead log), so a killed run holds every cell that was finished and nothing of the others.
///
/// A cell is computed once, whatever specs ask for it. The *plan* of a method is the cells of the last spec it was run
/// on; tables hold the cells of plans, and what was computed for other specs stays in the record.
class Store {
 public:
  /// Opens or creates `folder`/run.sqlite. A store of an earlier version becomes one of this.
  /// @throws Error (kFailed) if that is impossible, (kInput) if the file is no store of ours or a later version's; it is
  ///         then left as it is.
  static Store open(const std::filesystem::path& folder);

  /// Opens the store of an earlier run to read it; nothing in the folder changes, and a run may be going on there.
  /// @throws Error (kInput) if there is no store, or not one of ours, or a later version's.
  static Store open_existing(const std::filesystem::path& folder);

  /// The cells of all plans, method by method in the order in which they came, each in the order of its plan.
  std::vector<CellEntry> cells() const;

  /// How many further cells the record has: those of other specs.
  int64_t n_unplanned() const;
  /// Identities of all finished cells, of whatever spec.
  std::set<std::string> finished() const;

  /// Makes these, in order, the plans of their methods. Cells that are in the record keep what they found.
  /// @param data what the cells work on, in any form: plans of methods on something else are given up.
  void plan(const std::vector<PlannedCell>& cells, const std::string& data);
  /// What the plans' cells work on, as `plan` was told; empty where nothing is planned.
  std::string data() const;

  /// Makes cells unfinished again. @return the circuit files of these cells, which it leaves, relative to the run folder.
  std::vector<std::string> forget(const std::vector<PlannedCell>& cells);

  /// Cells recorded from here on were computed by this call; none is running yet.
  void begin(const Invocation& invocation);
  /// All of them, the first first.
  std::vector<Invocation> invocations() const;

  /// What the cells to come are expected to take. @param seconds by identity.
  void expect(const std::vector<std::pair<std::string, double>>& seconds);
  /// A cell is being computed from now on.
  void begin_cell(const std::string& id);

  /// Writes the circuit file, then records all in one transaction.
  /// @throws Error (kFailed) if either is impossible; the cell is then as it was.
  void record(const std::string& id, const FinishedCell& finished);
  void record_failure(const std::string& id, const std::string& error);

  struct Gathered {
    int64_t n_cells = 0;               ///< That it took.
    std::vector<std::string> damaged;  ///< Labels of cells that it left, as their figures or circuits are not intact.
  };
  /// Takes over what another store has of cells that are not finished here, with their circuits; but nothing that is older
  /// than a call which asked to compute the cell again.
  /// @param folder of the other store, which may be in use. @param with_plan makes its plan this one's, too.
  /// @throws Error as `open`.
  Gathered gather(const std::filesystem::path& folder, bool with_plan);

  /// Reads everything. @throws Error (kInput) if the file is damaged, naming what repairs it.
  void verify() const;

  struct Repaired {
    int64_t n_intact = 0;           ///< Finished cells that are in the record still.
    std::vector<std::string> lost;  ///< Labels of finished cells that are not, or whose circuit is damaged or gone.
    std::filesystem::path damaged;  ///< Where the damaged file is now.
  };
  /// Puts what is intact of a record in its place; what is lost is computed again by the next call.
  /// @throws Error (kInput) if there is no record, or nothing of it can be read; it is then left as it is.
  static Repaired repair(const std::filesystem::path& folder);

  /// Every finished cell of circuit probing in a plan, in order.
  std::vector<ProbedCell> probed() const;
  /// Their rows of results.csv.
  std::vector<RecordedRow> result_rows() const;

  /// The lines of metrics.csv: those of all finished cells in plans, in order.
  std::vector<RecordedMetric> metrics() const;

  /// The curves of all finished cells in plans that have one, in order.
  std::vector<TrainingCurve> curves() const;

  /// The circuit files of finished cells in plans, relative to the run folder, by cell. Files may have been moved away.
  std::map<std::string, std::string> circuit_files() const;

  /// While it lives, everything that is read from a store is of one moment, though a run may be going on there. The store
  /// must outlive it, and nothing may be written.
  class Snapshot {
   public:
    explicit Snapshot(const Store& store);
    ~Snapshot();
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

   private:
    sqlite3* database_;
  };

  /// Rebuilds results.csv (circuit probing, one row per finished cell, wide; not written before there is one),
  /// metrics.csv (long) and curves.csv from the store.
  void export_tables() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  /// @param path of the database.
  static Store open_file(const std::filesystem::path& folder, const std::filesystem::path& path);
  void touch_invocation();

  std::filesystem::path folder_;
  std::unique_ptr<sqlite3, Close> database_;
  std::optional<int64_t> invocation_;
};

}  // namespace cprobe
