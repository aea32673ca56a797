#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/record/replication.h"
#include "cprobe/report/report_data.h"

namespace cprobe {

/// The answers of one run about a finding on one data set.
struct AnswersOfRun {
  size_t run = 0;  ///< Index in ReportData::runs.
  JudgedFinding judged;
  /// Whether the masks may be called circuits: proper parts of the component, in whose updates the
  /// variable is present.
  bool is_circuit = false;
};

/// Figures of question 1 on one data set: accuracies on other types. Of one run they are the means
/// over its cells; of several runs, means and standard deviations (n - 1) over these.
struct ReportedPresence {
  Spread mask;       ///< From the mask's updates.
  Spread component;  ///< From the updates of the whole component.
  /// From the updates of null circuits. One run: over its null circuits. Several: over the runs'
  /// means. None without null circuits.
  std::optional<Spread> nulls;
  std::vector<double> null_draws;  ///< Of each null circuit, cell after cell.
  /// From the component's input, at the position that tells most.
  Spread input;
  std::string input_position;  ///< Names that position; several if cells differ.
};

/// Figures of ablations on one evaluation set: of one cell, or means and standard deviations
/// (n - 1) over cells that repeat each other. Cells with an empty mask, whose ablation changes
/// nothing, are left out unless all masks are empty.
struct ReportedAblation {
  Fill fill = Fill::kZero;  ///< What ablated units see.
  int64_t n_rows = 0;
  int64_t n_cells = 0;  ///< Cells behind `untouched` and `ablated`.
  Spread untouched, ablated;
  std::optional<Spread> complement;  ///< With all but the mask's weights ablated.
  /// With all but random sets of the mask's size ablated, as `random`; only in runs that ask
  /// whether the weights suffice.
  std::optional<Spread> only_random;
  std::vector<double> only_random_draws;  ///< As `draws`.
  std::optional<Spread> component;        ///< With all weights ablated.
  int64_t n_controlled = 0;               ///< Cells with random sets, behind `random`.
  /// Accuracy with random sets ablated. One cell: over its random sets. Several cells: over the
  /// means of the cells.
  std::optional<Spread> random;
  int64_t n_random = 0;  ///< Random sets of each cell; the fewest if cells differ.
  /// The accuracy of each random set, cell after cell; empty if not recorded.
  std::vector<double> draws;
  std::optional<Spread> nulls;     ///< Accuracy with null circuits ablated, as `random`.
  std::vector<double> null_draws;  ///< As `draws`.
  /// p of each cell whose random sets are from the circuit's complement (RandomSets). Not
  /// calibrated.
  std::vector<double> complement_p;
  /// Notes on random sets that are not from all sets of their size, each note once.
  std::vector<std::string> notes;
};

/// One question about a finding over the models behind it.
struct OverModels {
  Question question = nullptr;
  std::optional<Replication> replication;
  std::string why_not;  ///< Without a replication: "1 of 3 models has no such test".
};

/// A finding on one data set.
struct ReportedSet {
  std::string data;  ///< Label of the data set.
  /// By run, in the order of the report; at least one. Models are trained apart, so what is tested
  /// in one is not pooled with another.
  std::vector<AnswersOfRun> answers;
  /// The runs of models that repeat each other, whether or not each has this finding: indices in
  /// ReportData::runs. Empty for a single model, and for several runs of one model.
  std::vector<size_t> models;
  std::vector<OverModels> over_models;       ///< Of the questions that some of these runs asked.
  std::optional<ReportedPresence> presence;  ///< None if the data have no figure of question 1.
  std::optional<ReportedAblation> ablation;  ///< None if nothing was ablated on the data.

  /// Whether a run has a figure for the question.
  bool is_asked(Question question) const;
  /// Whether a run asks if the mask's weights suffice.
  bool asks_sufficiency() const;
  /// The answer of all runs: answer_word if they agree, else "mixed".
  std::string answer(Question question) const;
  /// The question over models; null if there is nothing to say.
  const OverModels* over(Question question) const;
  /// The number of runs whose masks may be called circuits.
  int64_t n_circuits() const;
};

/// What was found in one component of one kind of model, at one position, by one cell or by several
/// cells that differ only in seeds.
struct ReportedFinding {
  std::string series;  ///< As ReportedRun::series.
  std::optional<int64_t> step;
  std::string variable;  ///< Its column.
  std::string title;     ///< What texts call the variable (ReportedRun::titles).
  int64_t layer = 0;
  std::string block;
  Position position;          ///< Of the probed token.
  std::string site;           ///< "L0.attn"; "L0.attn position 3" if positions of the report differ.
  std::string options;        ///< As ReportedCell::options.
  std::string control;        ///< The negative control: "random_init"; empty for the model itself.
  std::vector<size_t> cells;  ///< Indices in ReportData::cells, at least one.
  /// Of a finding about the model itself: the findings about its negative controls, as indices in
  /// the report's list (match_controls).
  std::vector<size_t> in_controls;
  /// What runs behind the finding are called: "model" or, if they probed the same one, "run".
  std::string_view run_noun = "model";
  /// Raw test accuracy of nearest neighbours from the mask's updates, and from those of the whole
  /// component. One cell: over draws of exemplars. Several cells: over cells.
  Spread knn, full;
  Spread share;          ///< Share of the component's weights in the mask, in [0, 1].
  double majority = 0;   ///< KnnResult::test_majority, mean over cells.
  int64_t n_tokens = 0;  ///< Test tokens.
  /// Cells whose mask is empty, and cells whose mask is full.
  int64_t n_empty = 0, n_full = 0;
  std::vector<ReportedSet> sets;  ///< By data set, in the order of the cells; at least one.

  int64_t n_cells() const { return static_cast<int64_t>(cells.size()); }
  bool is_empty() const { return n_empty == n_cells(); }  ///< Whether all masks are empty.
  bool is_full() const { return n_full == n_cells(); }    ///< Whether all masks are full.
  const ReportedSet* on(std::string_view data) const;     ///< Null if there is no such set.
  std::string component() const;                          ///< "L0.attn".
};

/// The findings in a report, in the order of first appearance, judged run by run
/// (record/judged.h), and over the models of a series and step (record/replication.h).
std::vector<ReportedFinding> findings(const ReportData& data);

}  // namespace cprobe
