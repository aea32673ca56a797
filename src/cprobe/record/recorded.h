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

/// How far a cell has come. One that is running in the record may be of a run that was killed (RunLock::is_held tells).
enum class CellStatus { kPlanned, kRunning, kDone, kFailed };
std::string_view to_string(CellStatus status);  ///< "planned", "running", "done", "failed".

/// A cell to come.
struct PlannedCell {
  std::string id;
  std::string method;  ///< `method_name`, or a comparison method's name.
  std::string label;   ///< "var_0 L0.attn seed 0", for people.
};

/// How far a planned cell is.
struct CellEntry {
  std::string id;
  std::string method;
  std::string label;
  CellStatus status = CellStatus::kPlanned;
  std::string error;    ///< Of a failed cell.
  double seconds = 0;   ///< The cell took.
  double expected = 0;  ///< Seconds that the cell was expected to take, as measured before; 0 where nothing was.
};

/// How the program was called and on what.
struct Invocation {
  std::string started;  ///< "2024-05-01T12:00:00Z".
  std::string command;
  std::string version;  ///< Of cprobe, compiler, libtorch and BLAS.
  std::string host;
  int n_jobs = 1;              ///< Cells at once.
  int n_threads = 0;           ///< Of a cell.
  std::string device = "cpu";  ///< Its kind: "cuda" for whichever GPU.
  std::string model;           ///< Its folder.
  std::string spec;            ///< Text of its file; may be empty.
  std::string ended = {};      ///< When the call finished its last cell so far; empty before. Store::begin ignores it.
  std::optional<int64_t> peak_memory = {};  ///< Bytes, at that time. Likewise.
};

/// A field of a row of results.csv.
struct ResultField {
  std::string name;
  std::string text;
  bool is_text = false;  ///< Not a number.

  friend bool operator==(const ResultField&, const ResultField&) = default;
};
using ResultRow = std::vector<ResultField>;

/// What a finished cell found, in the form in which the record keeps it.
struct FinishedCell {
  std::string variable;
  std::string site;       ///< "L0.attn" or, of methods that look at states, "L0.mid".
  int64_t position = -1;  ///< Of the probed token.
  uint64_t seed = 0;
  double seconds = 0;
  std::vector<Metric> metrics;
  ResultRow row = {};                   ///< Circuit probing: its line of results.csv (findings_codec.h).
  std::vector<EpochRecord> curve = {};  ///< Likewise, of mask training.
  std::string circuit_file = {};        ///< Likewise: its name in the run folder
  std::string circuit = {};             ///< and its bytes.

  friend bool operator==(const FinishedCell&, const FinishedCell&) = default;
};

/// A finished cell of circuit probing, as it was found.
struct ProbedCell {
  std::string id;
  CellSettings settings;
  Findings findings;

  friend bool operator==(const ProbedCell&, const ProbedCell&) = default;
};

/// The line of results.csv of a finished cell of circuit probing.
struct RecordedRow {
  std::string cell;
  ResultRow row;
};

/// A figure of a finished cell: a line of metrics.csv.
struct RecordedMetric {
  std::string method;
  std::string site;
  std::string variable;
  Metric metric;
  int64_t seed = 0;
  std::string cell;
  int64_t position = -1;
};

/// Mask training of a finished cell, an entry for each epoch.
struct TrainingCurve {
  std::string cell;
  std::vector<EpochRecord> epochs;
};

}  // namespace cprobe
