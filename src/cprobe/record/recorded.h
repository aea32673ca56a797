#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/circuit/fit.h"
#include "cprobe/evaluate/metric.h"
#include "cprobe/probe/cell_settings.h"
#include "cprobe/probe/findings.h"

/// What the record of a run holds (store.h).
namespace cprobe {

/// How far a cell has come. kRunning may be left over from a run that was killed; RunLock::is_held
/// tells whether a run is going on.
enum class CellStatus { kPlanned, kRunning, kDone, kFailed };
std::string_view to_string(CellStatus status);  ///< "planned", "running", "done", "failed".

struct PlannedCell {
  std::string id;
  std::string method;  ///< `method_name`, or a comparison method's name.
  std::string label;   ///< For people, such as "var_0 L0.attn seed 0".
};

/// How far a planned cell has come.
struct CellEntry {
  std::string id;
  std::string method;
  std::string label;
  CellStatus status = CellStatus::kPlanned;
  std::string error;    ///< Only if the cell failed.
  double seconds = 0;   ///< Time that the cell took.
  double expected = 0;  ///< Forecast of `seconds`, from measurements; 0 if nothing was measured.
};

/// A call of the program.
struct Invocation {
  std::string started;  ///< UTC, such as "2024-05-01T12:00:00Z".
  std::string command;
  std::string version;  ///< As `versions` says, of the call.
  std::string host;
  int n_jobs = 1;              ///< Cells computed at the same time.
  int n_threads = 0;           ///< Threads of each cell.
  std::string device = "cpu";  ///< Kind of device; "cuda" stands for any GPU.
  std::string model;           ///< The model's folder.
  std::string spec;            ///< Text of the spec's file; may be empty.
  /// Time at which the call finished its last cell so far; empty before the first. Store::record
  /// sets this and `peak_memory`; Store::begin ignores both.
  std::string ended = {};
  std::optional<int64_t> peak_memory = {};  ///< Bytes, up to `ended`.
};

/// A field of a row of results.csv.
struct ResultField {
  std::string name;  ///< The column's name.
  std::string text;
  bool is_text = false;  ///< False if `text` is a number.

  friend bool operator==(const ResultField&, const ResultField&) = default;
};
using ResultRow = std::vector<ResultField>;

/// What a finished cell found, in the form that the record keeps.
struct FinishedCell {
  std::string variable;
  std::string site;   ///< "L0.attn", or "L0.mid" for methods that look at states.
  Position position;  ///< Of the probed token.
  uint64_t seed = 0;
  double seconds = 0;  ///< Time that the cell took.
  std::vector<Metric> metrics;

  // Circuit probing only; empty for comparison methods.
  ResultRow row = {};                   ///< The cell's line of results.csv (findings_codec.h).
  std::vector<EpochRecord> curve = {};  ///< Mask training, one record per epoch.
  std::string circuit_file = {};        ///< Name of the circuit's file in the run folder.
  std::string circuit = {};             ///< Bytes of that file.

  friend bool operator==(const FinishedCell&, const FinishedCell&) = default;
};

/// A finished cell of circuit probing: what was probed, and what was found.
struct ProbedCell {
  std::string id;
  CellSettings settings;
  Findings findings;

  friend bool operator==(const ProbedCell&, const ProbedCell&) = default;
};

/// A line of results.csv: a finished cell of circuit probing.
struct RecordedRow {
  std::string cell;  ///< Identity of the cell.
  ResultRow row;
};

/// A line of metrics.csv: a figure of a finished cell.
struct RecordedMetric {
  std::string method;
  std::string site;
  std::string variable;
  Metric metric;
  int64_t seed = 0;
  std::string cell;  ///< Identity of the cell.
  Position position;
};

/// The mask training of a finished cell.
struct TrainingCurve {
  std::string cell;  ///< Identity of the cell.
  std::vector<EpochRecord> epochs;
};

}  // namespace cprobe
