#pragma once

#include <string>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// Formats of a table for papers. CSV has standard deviations in columns of their own. LaTeX needs
/// the package booktabs. Markdown is GitHub's.
enum class TableFormat { kCsv, kLatex, kMarkdown };

/// A table with a line for each variable, component, setting and evaluation set. Its figures are
///   - the size of the circuit;
///   - decodability from the circuit and from the whole component, and the majority baseline;
///   - task accuracy of the untouched model, with the circuit ablated, and with random circuits
///     ablated;
///   - p, and p adjusted by Holm's method.
/// For several cells that differ only in seeds, figures are means with standard deviations (n - 1)
/// over cells, and p is the largest. For a single cell, deviations are those over random draws.
std::string paper_table(const ReportData& data, TableFormat format);

}  // namespace cprobe
