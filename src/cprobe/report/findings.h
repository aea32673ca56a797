#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// An answer of a finding. Where cells repeat each other it is kYes only if it is so of each of them.
enum class Answer {
  kYes,
  kNo,                ///< Of dependence: no evidence of it.
  kMixed,             ///< Yes in some repetitions; in the others something else.
  kBeforeAdjustment,  ///< Of dependence: p <= .05, but not once adjusted for the number of cells.
  kTooFewControls,    ///< Of dependence: the least p that the random controls allow, adjusted, is above .05.
  kUntested,          ///< No random controls, or nothing or everything is in the circuit.
};
std::string_view to_string(Answer answer);  ///< "yes", "no", "in some", "before adjustment", "too few controls", ...

/// Figures of deletion on one data set: of a cell, or means and standard deviations (n - 1) over cells that repeat each
/// other. Cells whose circuit is empty, of which nothing is deleted, are left out where others are not.
struct ReportedDeletion {
  std::string data;
  Fill fill = Fill::kZero;  ///< What deleted units see.
  int64_t n_rows = 0;
  int64_t n_cells = 0;  ///< Behind the next two.
  Spread vanilla, ablated;
  std::optional<Spread> complement;
  int64_t n_controlled = 0;        ///< Cells with random controls, which are behind the next two.
  std::optional<Spread> random;    ///< One repetition: over its random controls. Several: of the cells' means.
  Spread beside_random;            ///< Accuracy with the circuit deleted.
  int64_t n_controls = 0;          ///< Random controls of each cell; the fewest.
  std::vector<double> draws;       ///< The accuracy of each control, cell after cell; empty where not recorded.
  std::vector<double> p, p_holm;   ///< Of the cells that have one.
  int64_t n_tests = 0;             ///< Cells that p_holm is adjusted for, within a run.
  std::vector<std::string> notes;  ///< That units of random circuits came from the whole matrix, each once.
  Answer depends = Answer::kUntested;

  /// How much more harm deletion does than that of random circuits; none without these.
  std::optional<double> harm() const;
};

/// What was found in one component of one kind of model: one cell, or several that differ in seeds only.
struct ReportedFinding {
  std::string series;  ///< As ReportedRun.
  std::optional<int64_t> step;
  std::string variable;
  int64_t layer = 0;
  std::string block;
  std::string options;        ///< As ReportedCell.
  std::vector<size_t> cells;  ///< In ReportData::cells, at least one.
  Spread knn, full;           ///< One cell: over draws of exemplars. Several: over cells.
  Spread share;               ///< Of the component's weights that is in the circuit, in [0, 1].
  double majority = 0;
  int64_t n_tokens = 0;
  int64_t n_empty = 0, n_full = 0;          ///< Cells whose circuit is so.
  std::vector<ReportedDeletion> ablations;  ///< In the order of the run's data sets.
  Answer circuit = Answer::kNo;             ///< A circuit is a proper part: neither nothing nor everything.
  Answer decodes = Answer::kNo;

  int64_t n_cells() const { return static_cast<int64_t>(cells.size()); }
  bool is_empty() const { return n_empty == n_cells(); }    ///< Nothing to delete in any repetition.
  const ReportedDeletion* on(std::string_view data) const;  ///< Null where there is none on this data set.
  std::string component() const;                            ///< "L0.attn".
};

/// In the order of first appearance.
std::vector<ReportedFinding> findings(const ReportData& data);

/// Whether an accuracy on n tokens is above another one on them by more than three standard errors. Their square is the
/// sum of sd^2 / (number of draws, or of cells) of both and of the sampling term a (1 - a) / n of that accuracy of the
/// two where it is larger: an accuracy of 1 on few tokens is no certainty.
bool is_above(const Spread& accuracy, const Spread& reference, int64_t n);

}  // namespace cprobe
