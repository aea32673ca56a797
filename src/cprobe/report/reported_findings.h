#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// The answer to a question about a finding, over cells that repeat each other.
enum class Answer {
  kYes,               ///< Yes in all repetitions.
  kNo,                ///< For dependence: there is no evidence of dependence.
  kMixed,             ///< Yes in some repetitions only.
  kBeforeAdjustment,  ///< For dependence: p <= .05, but not after adjustment for the other cells.
  kTooFewControls,    ///< For dependence: with so few controls, no adjusted p can reach .05.
  kUntested,          ///< For dependence: no random controls, or the circuit is empty or full.
};
/// "yes", "no", "in some", "before adjustment", "too few controls", "not tested".
std::string_view to_string(Answer answer);

/// Figures of ablations on one evaluation set: of one cell, or means and standard deviations
/// (n - 1) over cells that repeat each other. Cells with an empty circuit, whose ablation changes
/// nothing, are left out unless all circuits are empty.
struct ReportedAblation {
  std::string data;         ///< Label of the evaluation set.
  Fill fill = Fill::kZero;  ///< What ablated units see.
  int64_t n_rows = 0;
  int64_t n_cells = 0;  ///< Cells behind `untouched` and `ablated`.
  Spread untouched, ablated;
  std::optional<Spread> complement;
  int64_t n_controlled = 0;  ///< Cells with random controls, behind `random` and `beside_random`.
  /// Accuracy with random circuits ablated. One cell: over its random controls. Several cells: over
  /// the means of the cells.
  std::optional<Spread> random;
  Spread beside_random;    ///< Accuracy with the circuit ablated.
  int64_t n_controls = 0;  ///< Random controls of each cell; the fewest if cells differ.
  /// The accuracy of each random control, cell after cell; empty if not recorded.
  std::vector<double> draws;
  std::vector<double> p, p_holm;  ///< Of each cell that has a p.
  int64_t n_tests = 0;            ///< Number of cells of a run that p_holm is adjusted for.
  /// Notes that random circuits took units from the whole matrix, each note once.
  std::vector<std::string> notes;
  Answer depends = Answer::kUntested;

  /// How much lower accuracy is with the circuit ablated than with random circuits ablated; none
  /// without random controls.
  std::optional<double> harm() const;
};

/// What was found in one component of one kind of model, by one cell or by several cells that
/// differ only in seeds.
struct ReportedFinding {
  std::string series;  ///< As ReportedRun::series.
  std::optional<int64_t> step;
  std::string variable;
  int64_t layer = 0;
  std::string block;
  std::string options;        ///< As ReportedCell::options.
  std::vector<size_t> cells;  ///< Indices in ReportData::cells, at least one.
  /// Test accuracy of decoding from the circuit, and from the whole component. One cell: over draws
  /// of exemplars. Several cells: over cells.
  Spread knn, full;
  Spread share;          ///< Share of the component's weights in the circuit, in [0, 1].
  double majority = 0;   ///< Test accuracy of the majority baseline, mean over cells.
  int64_t n_tokens = 0;  ///< Test tokens.
  /// Cells whose circuit is empty, and cells whose circuit is full.
  int64_t n_empty = 0, n_full = 0;
  std::vector<ReportedAblation> ablations;  ///< By evaluation set, in the run's order.
  Answer circuit = Answer::kNo;             ///< Is the circuit a proper part, not empty or full?
  Answer decodes = Answer::kNo;             ///< Does the circuit beat the majority baseline?

  int64_t n_cells() const { return static_cast<int64_t>(cells.size()); }
  bool is_empty() const { return n_empty == n_cells(); }    ///< Whether all circuits are empty.
  const ReportedAblation* on(std::string_view data) const;  ///< Null if there is no such set.
  std::string component() const;                            ///< "L0.attn".
};

/// The findings in a report, in the order of first appearance.
std::vector<ReportedFinding> findings(const ReportData& data);

/// Whether an accuracy is above a reference by more than three standard errors. The square of a
/// standard error is the sum of
///   - sd^2 / (number of draws, or of cells) of the accuracy, and of the reference;
///   - a (1 - a) / n, where a is the accuracy or the reference, whichever makes this term larger.
///     An accuracy of 1 on few tokens is thus no certainty.
/// @param n  number of tokens that both are measured on.
bool is_above(const Spread& accuracy, const Spread& reference, int64_t n);

}  // namespace cprobe
