#pragma once

#include <string>

#include "cprobe/report/report_data.h"

namespace cprobe {

/// Formats of the table that goes into papers.
enum class TableFormat { kCsv, kLatex, kMarkdown };

/// A line for each variable, component, setting and data set of the ablations: size of the circuit, decodability beside
/// the whole component and the majority baseline, task accuracy untouched, with the circuit deleted and with random circuits
/// deleted, p. Over several cells that differ in seeds only, figures are means with standard deviations (n - 1) and p is
/// the largest; otherwise deviations are those over random draws. CSV has deviations in columns of their own; LaTeX needs
/// the package booktabs; Markdown is GitHub's.
std::string paper_table(const ReportData& data, TableFormat format);

}  // namespace cprobe
