#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/circuit/fit.h"
#include "cprobe/circuit/head_units.h"
#include "cprobe/evaluate/ablation.h"
#include "cprobe/evaluate/overlap.h"
#include "cprobe/evaluate/statistics.h"
#include "cprobe/record/store.h"

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
  std::vector<Store::Invocation> calls;
  int64_t n_done = 0;
  int64_t n_planned = 0;  ///< Cells still to come.
  std::vector<Store::Entry> failed;
  double seconds = 0;  ///< Of all finished cells.
  /// By data set of the ablations: that too few random controls were drawn for any adjusted p to reach .05.
  std::map<std::string, std::string> p_notes;
  std::string model_fingerprint;  ///< From a circuit file; empty where there is none.
};

/// What removing a circuit did to the task, on one data set.
struct ReportedAblation {
  std::string data;         ///< "Test", "IID".
  Fill fill = Fill::kZero;  ///< What removed units see: the first of the run's.
  int64_t n_rows = 0;       ///< 0: not recorded.
  double vanilla = 0;       ///< Task accuracy of the untouched model.
  double ablated = 0;
  std::optional<Spread> random;      ///< Of as many random units.
  std::vector<double> draws;         ///< The accuracy of each; records of earlier versions have none.
  std::optional<double> complement;  ///< With all else in the component removed.
  std::optional<double> p;
  std::optional<double> p_holm;  ///< Adjusted for the cells of the run that have a p on this data set.
  int64_t n_tests = 0;           ///< Their number.
  std::string note;              ///< Where random units came from, or that there is nothing to remove.
};

/// Units of a circuit in one weight matrix.
struct MatrixPart {
  std::string matrix;  ///< The tensor's name without its layer: "attn.c_attn".
  int64_t n_units = 0;
  int64_t max_units = 0;
};

/// A finished cell of circuit probing.
struct ReportedCell {
  size_t run = 0;  ///< In ReportData::runs.
  std::string id;
  std::string variable;
  int64_t layer = 0;
  std::string block;  ///< "attn", "mlp".
  int64_t seed = 0;
  std::string options;  ///< In words, those in which cells of the report differ: "position 3, unit weight".
  Spread knn;           ///< Test accuracy of decoding, over draws of exemplars: from the circuit,
  Spread full;          ///< and from the whole component.
  double majority = 0;
  int64_t n_tokens = 0;  ///< Test tokens.
  double n_weights = 0;
  double max_weights = 0;
  std::string extent;  ///< "empty", "full" or "proper part".
  std::vector<ReportedAblation> ablations;
  std::vector<EpochRecord> curve;    ///< Of mask training, an entry per epoch.
  std::vector<MatrixPart> matrices;  ///< Empty where the circuit file is gone.
  std::optional<HeadUnits> heads;    ///< Of attention, where the model's config.json is there.

  std::string component() const;  ///< "L0.attn".
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
  Store::MetricRow row;
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
