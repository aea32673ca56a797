#pragma once

#include <string>

#include "cprobe/record/store.h"

namespace cprobe {

/// Stands for a figure that does not exist.
inline constexpr const char* kNoFigure = "-";

/// "0.991 ± 0.003"; kNoFigure if `figure` is null.
std::string figure_text(const Spread* figure);

/// The accuracy of an ablation, and its p as `p_number` writes p. kNoFigure if the figure does not
/// exist or `ablation` is null.
std::string accuracy_text(const AblationResult* ablation);
std::string p_text(const AblationResult* ablation);

/// The finished cells of circuit probing of a store as an aligned text table. Its columns:
///   - what was probed: variable (its title, Store::titles), component, and each dimension of the
///     grid in which cells differ;
///   - raw kNN accuracy from the mask's updates, and from those of the whole component;
///   - question 1: accuracy on other types, the same of null circuits, and whether the variable is
///     present and was made there (or the position from which it was received);
///   - share of the weights, and task accuracy on the first evaluation set: untouched, with the
///     mask's weights ablated, with random sets ablated; and whether the behaviour needs them;
///   - if the run asks for it: the same with all else of the component ablated, and whether the
///     mask's weights suffice;
///   - if inputs were exchanged: whether the variable reaches the behaviour through the component,
///     and through the mask's units.
/// Answers are words with the adjusted p (judged.h, judged_words.h). If no cell can be judged
/// (protocol paper, records of earlier versions), columns of the majority baseline, of p beside
/// controls from the complement, and of the mask's extent stand in place of the answers.
///
/// Lines below the table say which columns the titles are, what the types and null variables are,
/// that the model is a negative control, that seeds share their answers, rules of judging other
/// than the defaults, and which evaluation sets are not shown.
std::string results_table(const Store& store);

/// Every field of results.csv as JSON: one object per finished cell and line; null for a figure
/// that does not exist.
std::string results_json(const Store& store);

/// The figures of comparison methods as an aligned text table: a line for each figure, with the
/// values of its controls, its note and, of figures beside null variables, the answer with the
/// adjusted p (judged_methods.h).
std::string methods_table(const Store& store);

/// The lines of metrics.csv of comparison methods as JSON: one object per line; null for a figure
/// that does not exist.
std::string methods_json(const Store& store);

}  // namespace cprobe
