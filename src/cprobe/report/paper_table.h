#pragma once

#include <string>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// Formats of a table for papers. CSV has standard deviations in columns of their own. LaTeX needs
/// the package booktabs. Markdown is GitHub's.
enum class TableFormat { kCsv, kLatex, kMarkdown };

/// A table with a line for each finding and data set. Variables are called by their titles; CSV has
/// their columns, and the titles beside these. Beside what was probed stand
///   - what the mask takes (empty, full, proper part), and its share of the weights;
///   - raw kNN accuracies, and the majority baseline of these;
///   - question 1: accuracy on other types, mean and deviation of null circuits, adjusted p, both
///     ends of the interval above the nulls, the answers, and the position whose input tells most;
///   - deletion: task accuracy of the untouched model, with the mask's weights and with random sets
///     ablated, the accuracy lost ("harm"), adjusted p, the interval of harm beyond random sets,
///     and the answer;
///   - "p complement": p beside controls from the complement, which is not calibrated.
/// For several cells that differ only in seeds, figures are means with standard deviations (n - 1)
/// over cells. For a single cell, deviations are those over random draws. Of several runs, p and
/// harm are the largest, intervals have the outermost ends, and answers are counted.
std::string paper_table(const ReportData& data, TableFormat format);

}  // namespace cprobe
