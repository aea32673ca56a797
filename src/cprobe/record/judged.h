#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/evaluate/answers.h"
#include "cprobe/record/recorded.h"

namespace cprobe {

/// The answer to one question about one finding, and the figures behind it. Figures that were not
/// computed are absent.
struct JudgedQuestion {
  VerdictWord answer = VerdictWord::kNotTested;
  std::optional<double> statistic;  ///< Larger is stronger. Mean over seeds.
  std::optional<double> null_mean, null_sd;
  std::vector<double> nulls;  ///< The statistic of each null. Mean over seeds.
  int64_t n_null = 0;
  std::optional<double> p;           ///< Of this question alone.
  std::optional<double> p_adjusted;  ///< Over the family (JudgeOptions::correction).
  /// q over the family (benjamini_hochberg). Not set with fewer than kLeastNullsOfQ nulls. No
  /// answer rests on it.
  std::optional<double> q;
  int64_t n_findings = 0;                ///< Findings of the family; 0 without an adjusted p.
  std::optional<double> lower, upper;    ///< 95 % interval of the statistic minus the mean of its nulls.
  int64_t n_types = 0;                   ///< As Interval::n_types; 0: the statistic is not defined.
  bool is_approximate = false;           ///< As in Interval.
  bool is_for_these_types_only = false;  ///< As in Interval.
  std::string words;                     ///< The answer with what belongs to it (verdict_words).
  /// Of `kUndecided`: what_would_decide. Of a presence that cannot be told: what would leave room.
  /// Else empty.
  std::string to_decide;

  /// p_adjusted <= .05.
  bool is_significant() const;
  /// p, p_adjusted and q, as far as they are for readers: none where the answer is `kNotTested`.
  /// Such a question may have figures, with which p over models is computed.
  std::optional<double> shown_p() const;
  std::optional<double> shown_p_adjusted() const;
  std::optional<double> shown_q() const;
  /// Whether the run put the question, if only to find that it is not defined.
  bool is_asked() const { return statistic.has_value() || answer != VerdictWord::kNotTested; }

  friend bool operator==(const JudgedQuestion&, const JudgedQuestion&) = default;
};

/// One variable in one component at one position on one data set: the cells that differ in seeds
/// only.
struct JudgedFinding {
  std::string variable;
  ComponentRef component;
  Position position;
  std::string data;           ///< Label of the data set.
  std::string options;        ///< Settings in which findings of the run differ otherwise, in words.
  std::vector<size_t> cells;  ///< Indices of the cells judged, at least one.
  std::string types;          ///< As Findings::types; empty for records of earlier versions.
  std::string null_kind;      ///< As Findings::null_kind.
  int64_t n_held_out = 0;     ///< As Findings::n_held_out.
  /// Is the variable in what the circuit writes? Accuracy on other types.
  JudgedQuestion present;
  /// Is the variable easier to decode there than in what the component reads?
  JudgedQuestion made_here;
  std::string received_from;  ///< The position where the input tells most; empty without one.
  /// Does the behaviour need these weights? The statistic is how much accuracy their ablation
  /// takes; nulls are random sets of their size.
  JudgedQuestion weights_needed;
  std::optional<double> null_circuits_harm;  ///< Mean accuracy that ablating a null circuit takes.
  /// Do these weights of the component suffice? The statistic is the accuracy with all others of
  /// the component ablated; nulls leave a random set. Not tested unless the run asks for it.
  JudgedQuestion sufficient;
  std::optional<double> without_component;  ///< Accuracy with the whole component ablated.
  /// Of the accuracy that ablating the whole component takes, the share that is there with only
  /// these weights left.
  std::optional<double> kept_share;
  /// Does the variable reach the behaviour through this component (by exchange)? The statistic is
  /// the accuracy with donors of the same value minus that with donors of another value.
  JudgedQuestion through_component;
  /// Through these units? The statistic is carried - left; nulls are random sets.
  JudgedQuestion through_units;
  /// The same statistic beside the null circuits: a yes says that the units are chosen by V.
  JudgedQuestion chosen_units;
  /// Of Findings::Exchange, means over seeds; absent where nothing was exchanged.
  std::optional<double> keep, keep_halves, moved, null_moved, carried, left;
  std::optional<DonorKind> donors;  ///< Of the exchanges; absent where nothing was exchanged.
};

/// Whether a question's nulls are random sets of units: `weights_needed`, `sufficient` and
/// `through_units`.
bool has_random_sets(JudgedQuestion JudgedFinding::*question);

/// Judges the findings of one run, data set by data set, by the rules of docs/statistics.md. A
/// family is all findings of a data set and question. Cells of earlier versions, and of protocol
/// paper, have the answer `kNotTested`.
/// @param options  of a run folder: Store::judging.
std::vector<JudgedFinding> judged_findings(const std::vector<ProbedCell>& cells, const JudgeOptions& options = {});

/// The answers to both questions about exchange for one cell and data set, whether or not the
/// variable is present. A family of one.
JudgedFinding judged_exchange(const Findings::Exchange& exchange, const JudgeOptions& options = {});

}  // namespace cprobe
