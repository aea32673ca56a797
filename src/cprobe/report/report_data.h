#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/circuit/fit.h"
#include "cprobe/circuit/head_units.h"
#include "cprobe/evaluate/overlap.h"
#include "cprobe/record/recorded.h"

/// What a report shows, read from run folders (read_runs.h) and as yet in no format. Figures that were not recorded are
/// absent; none is NaN unless the run found NaN.
namespace cprobe {

/// A run folder and what its name says. `out/seed_1/probes/step_200/circuits` beside others below `out` is of series ""
/// and step 200. Runs of one series and step repeat each other.
struct ReportedRun {
  std::filesystem::path folder;
  std::string name;             ///< Its path below the folder that all runs share.
  std::string series;           ///< The name without `seed_<k>`, `step_<n>` and the parts that every reproduction has.
  std::optional<int64_t> step;  ///< Of training.
  std::vector<Invocation> calls;
  int64_t n_done = 0;
  int64_t n_planned = 0;  ///< Cells still to come.
  std::vector<CellEntry> failed;
  double seconds = 0;  ///< Of all finished cells.
  /// By data set of the ablations: that too few random controls were drawn for any adjusted p to reach .05.
  std::map<std::string, std::string> p_notes;
  std::string model_fingerprint;  ///< From a circuit file; empty where there is none.
};

/// The p of a cell on one data set, adjusted for the cells of its run that have a p there.
struct AdjustedTest {
  std::optional<double> p_holm;
  int64_t n_tests = 0;  ///< The number of these cells.
};

/// Units of a circuit in one weight matrix.
struct MatrixPart {
  std::string matrix;  ///< The tensor's name without its layer: "attn.c_attn".
  int64_t n_units = 0;
  int64_t max_units = 0;
};

/// A finished cell of circuit probing, with what a report adds.
struct ReportedCell : ProbedCell {
  size_t run = 0;                   ///< In ReportData::runs.
  std::string options;              ///< In words, those in which cells of the report differ: "position 3, unit weight".
  std::vector<AdjustedTest> tests;  ///< By place in findings.behaviours.
  std::vector<EpochRecord> curve;   ///< Of mask training, an entry per epoch.
  std::vector<MatrixPart> matrices;  ///< Empty where the circuit file is gone.
  std::optional<HeadUnits> heads;    ///< Of attention, where the model's config.json is there.
};

/// Two circuits of one component of one model.
struct ReportedOverlap {
  size_t first = 0;  ///< In ReportData::cells.
  size_t second = 0;
  Overlap units;  ///< In all matrices together.
};

/// A figure of a competing method.
struct ReportedFigure {
  size_t run = 0;
  RecordedMetric row;
};

struct ReportData {
  std::string title;
  std::vector<ReportedRun> runs;
  std::vector<ReportedCell> cells;
  std::vector<ReportedFigure> figures;
  std::vector<ReportedOverlap> overlaps;
  std::vector<std::string> notes;  ///< Sentences on what could not be read, or was left out.
};

}  // namespace cprobe
