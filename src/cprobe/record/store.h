#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cprobe/core/message.h"
#include "cprobe/record/recorded.h"
#include "cprobe/record/sqlite.h"
#include "cprobe/spec/titles.h"

namespace cprobe {

/// The record of a run: `run.sqlite` in the run folder (docs/file_formats.md). Each finished cell
/// is one transaction, so that after a kill the record holds every finished cell and nothing of any
/// other. `open_database.h` has the journals.
///
/// A cell is computed once, however many specs ask for it. The *plan* of a method is the list of
/// cells of the last spec that the method was run on. Tables hold the cells of plans. Results of
/// other specs stay in the record.
class Store {
 public:
  /// Opens or creates `folder`/run.sqlite. Brings a store of an earlier version to the present one.
  /// @param on_message  as `open_database_to_write`.
  /// @throws Error
  ///   - (kInput), leaving the file as it is, if the file is no store of cprobe, is of a later
  ///     version, or is empty beside the tables of a run;
  ///   - (kFailed) if the store cannot be opened, created or changed; names the cause.
  static Store open(const std::filesystem::path& folder, const OnMessage& on_message = {});

  /// Opens the store of a run for reading. A run may be going on in the folder, where nothing is
  /// changed. A store of an earlier version is brought to the present one in memory.
  /// @throws Error (kInput) if there is no store, or the file is no store of cprobe or is of a
  ///         later version; (kFailed) if it cannot be read.
  static Store open_existing(const std::filesystem::path& folder);

  /// The cells of all plans: methods in the order in which they were first planned, the cells of
  /// each in the order of its plan.
  std::vector<CellEntry> cells() const;

  /// The number of cells in the record that are in no plan.
  int64_t n_unplanned() const;
  /// Identities of all finished cells, planned or not.
  std::set<std::string> finished() const;

  /// Replaces the plan of each method in `cells`, keeping their order. Recorded results stay.
  /// @param data   identifies model and data. Plans made under another value are dropped.
  /// @param judge  the spec's rules for answers about these methods.
  /// @param titles  what reports call each variable (variable_titles).
  void plan(const std::vector<PlannedCell>& cells, const std::string& data, const JudgeOptions& judge = {},
            const Titles& titles = {});
  /// What reports call each variable: the title of the last plan that names the variable. Variables
  /// that are not here are called by their columns, as those of records of earlier versions.
  /// @throws Error (kFailed) if the record's titles cannot be read.
  Titles titles() const;
  /// By method, the rules for answers: those of the last spec that the method was run on. Methods
  /// that a version without such rules planned have the defaults.
  /// @throws Error (kFailed) if the record holds rules that this version does not know.
  std::map<std::string, JudgeOptions> rules() const;
  /// The rules for answers of circuit probing. Mask methods share a family and hence its rules:
  /// those of the mask method that was planned last. The defaults if none is planned.
  /// @throws Error (kFailed) as `rules`.
  JudgeOptions judging() const;
  /// The `data` that the plans were made under; empty if nothing is planned.
  std::string data() const;

  /// Makes cells unfinished and removes their results from the record, but not their circuit files.
  /// @return these files, relative to the run folder.
  std::vector<std::string> forget(const std::vector<PlannedCell>& cells);

  /// Records a call of the program, which computes all cells recorded from here on. No cell counts
  /// as running any more.
  void begin(const Invocation& invocation);
  /// All recorded calls, the first first.
  std::vector<Invocation> invocations() const;

  /// Records how long cells are expected to take. @param seconds  by identity.
  void expect(const std::vector<std::pair<std::string, double>>& seconds);
  /// Records that this call is computing a cell.
  void begin_cell(const std::string& id);

  /// Writes the circuit file, if there is a circuit, then records the cell in one transaction.
  /// @throws Error (kFailed) if either is impossible; the record then holds the cell as before.
  void record(const std::string& id, const FinishedCell& finished);
  void record_failure(const std::string& id, const std::string& error);

  struct Gathered {
    int64_t n_cells = 0;               ///< Cells taken over.
    std::vector<std::string> damaged;  ///< Labels of cells whose figures or circuits are damaged.
  };
  /// Takes over finished and failed cells from another store, with their circuits. Left out are
  ///   - cells that are finished here, and failed cells that have failed here too;
  ///   - cells that were computed by a call older than the last `forget` of the cell here;
  ///   - damaged cells.
  /// @param folder     folder of the other store, which may be in use.
  /// @param with_plan  whether to take over the other store's plan, too.
  /// @throws Error as `open`.
  Gathered gather(const std::filesystem::path& folder, bool with_plan);

  /// Reads the whole record and compares checksums.
  /// @throws Error (kInput) if the record is damaged; names the command that repairs it.
  void verify() const;

  struct Repaired {
    int64_t n_intact = 0;           ///< Finished cells that the record still holds.
    std::vector<std::string> lost;  ///< Labels of the other finished cells.
    std::filesystem::path damaged;  ///< New path of the damaged file.
  };
  /// Replaces a damaged record by its intact part. A finished cell is lost if its figures or its
  /// circuit are damaged or gone. The next call computes lost cells again.
  /// @throws Error (kInput) if there is no record, or nothing in it can be read; the file is then
  ///         left as it is.
  static Repaired repair(const std::filesystem::path& folder);

  /// All that is recorded of a finished cell of circuit probing, planned or not, and the bytes of
  /// its circuit's file. None if the cell is not finished, or its circuit's file is gone.
  std::optional<FinishedCell> finished_cell(const std::string& id) const;

  /// The finished cells of circuit probing in plans, in order.
  std::vector<ProbedCell> probed() const;
  /// The lines of results.csv: one for each cell of `probed`.
  std::vector<RecordedRow> result_rows() const;

  /// The lines of metrics.csv: the figures of all finished cells in plans, in order.
  std::vector<RecordedMetric> metrics() const;

  /// The training curves of finished cells in plans, in order. Cells without a curve are left out.
  std::vector<TrainingCurve> curves() const;

  /// Identity -> circuit file, relative to the run folder, of finished cells in plans. A file may
  /// have been moved away since.
  std::map<std::string, std::string> circuit_files() const;

  /// Makes all reads of a store see the same moment, even if a run is going on in its folder. The
  /// store must outlive the snapshot, and must not be written to meanwhile.
  class Snapshot {
   public:
    explicit Snapshot(const Store& store);
    ~Snapshot();
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

   private:
    sqlite3* database_;
  };

  /// Writes the tables of the run folder from the store:
  ///   - results.csv: circuit probing, one wide row per finished cell; removed if there is no row;
  ///   - metrics.csv: every figure of every method, in long form;
  ///   - curves.csv: every epoch of every cell.
  void export_tables() const;

 private:
  /// Opens or creates the database `path` as the store of `folder`.
  static Store open_file(const std::filesystem::path& folder, const std::filesystem::path& path,
                         const OnMessage& on_message = {});
  void touch_invocation();

  std::filesystem::path folder_;
  Database database_;
  std::optional<int64_t> invocation_;
};

}  // namespace cprobe
