#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/circuit/fit.h"
#include "cprobe/circuit/head_units.h"
#include "cprobe/evaluate/inference.h"
#include "cprobe/evaluate/overlap.h"
#include "cprobe/record/recorded.h"
#include "cprobe/spec/titles.h"

/// What a report shows, read from run folders (read_runs.h), in no format yet. Figures that were
/// not recorded are absent. A figure is NaN only if the run found NaN.
namespace cprobe {

/// A run folder and what its name says. `out/seed_1/probes/step_200/circuits`, beside other runs
/// below `out`, has series "" and step 200. Runs of one series and step repeat each other.
struct ReportedRun {
  std::filesystem::path folder;
  std::string name;  ///< The run's path below the folder that all runs share.
  /// The name without `seed_<k>`, `step_<n>` and the parts `probes`, `circuits` and `baselines`,
  /// which every reproduction has.
  std::string series;
  std::optional<int64_t> step;  ///< Training step.
  std::vector<Invocation> calls;
  JudgeOptions judge;                                     ///< The rules for answers of circuit probing.
  std::map<std::string, JudgeOptions> method_rules = {};  ///< As Store::rules.
  /// Of all variables of the run's cells and figures. As Store::titles, but the column where runs
  /// of the series call a variable differently, or two variables the same.
  Titles titles = {};
  int64_t n_done = 0;     ///< Finished cells.
  int64_t n_planned = 0;  ///< Cells still to come.
  std::vector<CellEntry> failed;
  double seconds = 0;             ///< Time that all finished cells took.
  std::string model_fingerprint;  ///< From a circuit file; empty if there is no such file.
};

/// The units of a circuit in one weight matrix.
struct MatrixPart {
  std::string matrix;     ///< What follows the layer in the tensor's name: "attn.c_attn".
  int64_t n_units = 0;    ///< Units in the circuit.
  int64_t max_units = 0;  ///< Units in the matrix.
};

/// A finished cell of circuit probing, with what a report adds.
struct ReportedCell : ProbedCell {
  size_t run = 0;  ///< Index in ReportData::runs.
  /// Settings but seed and position in which cells of the report differ, in words: "unit weight".
  std::string options;
  std::vector<EpochRecord> curve;    ///< Mask training, one record per epoch.
  std::vector<MatrixPart> matrices;  ///< Empty if the circuit file is gone.
  std::optional<HeadUnits> heads;    ///< Attention only; none if the model's config.json is gone.
};

/// Two circuits of one component of one model.
struct ReportedOverlap {
  size_t first = 0;   ///< Index in ReportData::cells.
  size_t second = 0;  ///< Index in ReportData::cells.
  Overlap units;      ///< Overlap in all matrices together.
};

/// A figure of a comparison method.
struct ReportedFigure {
  size_t run = 0;  ///< Index in ReportData::runs.
  RecordedMetric row;
};

struct ReportData {
  std::string title;
  std::vector<ReportedRun> runs;
  std::vector<ReportedCell> cells;
  std::vector<ReportedFigure> figures;
  std::vector<ReportedOverlap> overlaps;
  std::vector<std::string> notes;  ///< Sentences on what could not be read or was left out.
};

}  // namespace cprobe
