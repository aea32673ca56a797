#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cprobe/evaluate/metric.h"
#include "cprobe/evaluate/probed_site.h"
#include "cprobe/evaluate/type_means.h"

namespace cprobe {

// What comparison methods share that put a figure beside the same figure of null variables
// (docs/statistics.md#comparison-methods). A figure is recorded as several lines of one metric,
// which record/judged_methods reads: the figure itself (tested_metric), and its controls below.

inline constexpr std::string_view kNullVariablesControl = "null variables";  ///< Mean and sd over these.
inline constexpr std::string_view kMostPossible = "most possible";           ///< What the figure cannot exceed.
/// Metrics that stand beside null variables, each followed by the label of a data set.
inline constexpr std::string_view kTypeAccuracy = "type_accuracy";      ///< accuracy_over_types.
inline constexpr std::string_view kErasureHarm = "erasure_harm";        ///< Of amnesic probing.
inline constexpr std::string_view kChangedAnswers = "changed_answers";  ///< Of DAS and counterfactual embeddings.
/// Share of rows whose answer stays where it should, per data set. A yes to a figure of the same
/// cell and data set is one in part below kMostRows (evaluate/answers.h).
inline constexpr std::string_view kIsolation = "isolation";
/// The metric that counts a cell's null variables. Its note names types and kind of null variables.
inline constexpr std::string_view kNullVariablesMetric = "null_variables";

/// Whether a method is to put its figure beside null variables: there are some.
bool has_nulls(const ProbedSite& probed);

/// Label of the test data: that of the evaluation set that is the test set, otherwise "Test".
std::string label_of_test(const ProbedSite& probed);

/// The data sets on which a variable's labels are known: the test data, then the other evaluation
/// sets that have the variable.
std::vector<std::pair<std::string, const ProbedSet*>> labelled_sets(const ProbedSite& probed);

/// Whether types are held out (NullHypothesis::held_out). Accuracy over types is then that of a
/// probe which never saw the types that it is judged on.
bool are_types_held_out(const ProbedSite& probed);
/// The training rows on which such a probe is fitted, ascending: all if no types are held out.
at::Tensor rows_to_fit(const ProbedSite& probed);
/// The rows of a data set by which a probe's accuracy over types is judged, ascending: those whose
/// type is that of no row in `rows_to_fit`; all if no types are held out.
at::Tensor rows_to_judge(const ProbedSite& probed, const ProbedSet& set);

/// Inserts a control behind the other lines of its metric, so that tables show it beside these.
void add_control(std::vector<Metric>& metrics, Metric control);

/// Appends the count of null variables.
/// @param n  null variables that the method takes, from the first.
void add_null_variables(std::vector<Metric>& metrics, const NullHypothesis& null, int64_t n);

/// Appends a figure with its controls.
/// @param most  what the figure could be at most, in its best case.
void add_beside_nulls(std::vector<Metric>& metrics, const std::string& name, const TestedFigure& figure, double most);

/// Accuracy of a classifier as a mean over the rows of a type, over the types of a value, and over
/// values; beside that of classifiers of null variables of their own.
/// @param predicted  [n_rows] int64: the value given to each row, by the variable's classifier.
/// @param of_nulls   the same of each null variable, by a classifier fitted for it.
TestedFigure accuracy_over_types(const ProbedSite& probed, const ProbedSet& set, const at::Tensor& predicted,
                                 const std::vector<at::Tensor>& of_nulls);

/// A share of rows, beside the same share of null variables.
/// @param of_rows  [n] float64: what each row counts, such as 1 if it is answered right.
/// @param types    [n] int64: type of each row.
/// @param range    what a row can count.
TestedFigure share_beside_nulls(const at::Tensor& of_rows, const at::Tensor& types, std::vector<double> nulls,
                                const Types& all_types, Bounds range);

}  // namespace cprobe
