#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// An answer of a finding. Where cells repeat each other, that of all of them, or kMixed.
enum class Answer {
  kYes,
  kNo,
  kMixed,
  kBeforeAdjustment,  ///< Of dependence: p <= .05, but not once adjusted for the number of cells.
  kUntested,          ///< No random controls, or nothing or everything is in the circuit.
};
std::string_view to_string(Answer answer);  ///< "yes", "no", "in some", "before adjustment", "not tested".

/// A figure of a cell, or of cells that repeat each other: mean and standard deviation (n - 1) over them.
struct FindingAblation {
  std::string data;
  int64_t n_rows = 0;
  Spread vanilla, ablated;
  std::optional<Spread> random;  ///< One cell: over its random controls. Several: of the cells' means.
  std::optional<Spread> complement;
  int64_t n_controls = 0;         ///< Random controls of each cell; the fewest.
  std::vector<double> p, p_holm;  ///< Of the cells that have one.
  int64_t n_tests = 0;            ///< Cells that p_holm is adjusted for, within a run.
  Answer depends = Answer::kUntested;
};

/// What was found in one component of one kind of model: one cell, or several that differ in seeds only.
struct Finding {
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
  int64_t n_empty = 0, n_full = 0;  ///< Cells whose circuit is so.
  std::vector<FindingAblation> ablations;
  Answer circuit = Answer::kNo;
  Answer decodes = Answer::kNo;

  int64_t n_cells() const { return static_cast<int64_t>(cells.size()); }
  std::string component() const;  ///< "L0.attn".
};

/// In the order of first appearance.
std::vector<Finding> findings(const ReportData& data);

/// Whether an accuracy is above another one by more than three standard errors: of the difference's deviation over draws
/// or cells, and of n tokens judged right or wrong.
bool is_above(const Spread& accuracy, const Spread& reference, int64_t n);

}  // namespace cprobe
