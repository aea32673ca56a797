#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cprobe/evaluate/statistics.h"
#include "cprobe/report/reported_findings.h"

/// The columns and lines of tables for papers, in no format yet.
namespace cprobe {

/// A field of the table: a text or a figure.
struct TableField {
  std::string text = {};
  std::optional<Spread> figure = {};
};

struct TableColumn {
  std::string heading;
  enum class Kind { kText, kNumber, kFigure, kP } kind = Kind::kText;  ///< Figures have deviations.
  bool in_papers = false;                                              ///< Whether a page of a paper has room for it.

  bool is_number() const { return kind != Kind::kText; }
};

struct PaperTable {
  std::vector<TableColumn> columns;
  std::vector<std::vector<TableField>> lines;
};

/// A line for each finding on each data set. Columns that hold nothing in this report are left out.
/// @param is_for_programs  variables have their columns, and their titles beside these; answers
///                         have what belongs to them. Otherwise titles alone, and single words.
PaperTable table_of(const std::vector<ReportedFinding>& all, const std::vector<ReportedRun>& runs,
                    bool is_for_programs);

}  // namespace cprobe
