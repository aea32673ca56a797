#include "cprobe/report/paper_table.h"

#include <algorithm>
#include <cmath>

#include "cprobe/core/error.h"
#include "cprobe/core/text.h"
#include "cprobe/evaluate/statistics.h"
#include "cprobe/io/csv.h"
#include "cprobe/report/table_columns.h"

namespace cprobe {
namespace {

using enum TableColumn::Kind;

bool exists(const std::optional<Spread>& figure) {
  return figure && !std::isnan(figure->mean);
}

/// Six significant digits, because people who compute with a table want more than those who read.
std::string csv_number(double value) {
  return fmt::format("{:.6g}", value);
}

std::string csv_table(const PaperTable& table) {
  std::vector<std::string> heading;
  for (const TableColumn& column : table.columns) {
    heading.push_back(column.heading);
    if (column.kind == kFigure) heading.push_back(column.heading + " sd");
  }
  std::string text = csv_record(heading);
  for (const std::vector<TableField>& line : table.lines) {
    std::vector<std::string> record;
    for (size_t i = 0; i < line.size(); ++i) {
      const std::optional<Spread>& figure = line[i].figure;
      if (!table.columns[i].is_number()) {
        record.push_back(line[i].text);
        continue;
      }
      record.push_back(exists(figure) ? csv_number(figure->mean) : std::string());
      if (table.columns[i].kind != kFigure) continue;
      record.push_back(exists(figure) && figure->sd ? csv_number(*figure->sd) : std::string());
    }
    text += csv_record(record);
  }
  return text;
}

/// Replaces control characters by spaces. Line breaks would end a line of the table.
std::string on_one_line(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < ' '; }, ' ');
  return text;
}

std::string latex_text(const std::string& text) {
  return escaped(on_one_line(text), {{'\\', "\\textbackslash{}"},
                                     {'~', "\\textasciitilde{}"},
                                     {'^', "\\textasciicircum{}"},
                                     {'<', "\\textless{}"},
                                     {'>', "\\textgreater{}"},
                                     {'|', "\\textbar{}"},
                                     {'&', "\\&"},
                                     {'%', "\\%"},
                                     {'$', "\\$"},
                                     {'#', "\\#"},
                                     {'_', "\\_"},
                                     {'{', "\\{"},
                                     {'}', "\\}"},
                                     // \textquotedbl exists in some font encodings only.
                                     {'"', "''"},
                                     // Behind \\, [ would begin an argument, and * would be one.
                                     {'[', "{[}"},
                                     {']', "{]}"},
                                     {'*', "{*}"}});
}

/// Escapes all that GitHub's Markdown, or HTML in Markdown, could take for more than text.
std::string markdown_text(const std::string& text) {
  constexpr std::string_view kMarks = "\\`*_{}[]()<>#+!|&~$@:";
  std::string result;
  for (const char c : on_one_line(text)) {
    if (kMarks.find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

std::string figure_or_dash(const TableColumn& column, const std::optional<Spread>& figure, const std::string& dash) {
  if (!exists(figure)) return dash;
  return column.kind == kP ? p_number(figure->mean) : figure_text(figure->mean, figure->sd);
}

/// The columns that a page of a paper has room for.
PaperTable for_readers(const PaperTable& table) {
  const auto only_kept = [&](const auto& all) {
    std::remove_cvref_t<decltype(all)> some;
    for (size_t i = 0; i < table.columns.size(); ++i) {
      if (table.columns[i].in_papers) some.push_back(all[i]);
    }
    return some;
  };
  PaperTable shown{.columns = only_kept(table.columns)};
  for (const std::vector<TableField>& line : table.lines) shown.lines.push_back(only_kept(line));
  return shown;
}

std::string latex_table(const PaperTable& table) {
  std::string text = "% Needs \\usepackage{booktabs}.\n\\begin{tabular}{";
  for (const TableColumn& column : table.columns) text += column.is_number() ? 'r' : 'l';
  text += "}\n\\toprule\n";
  const auto add = [&](size_t n, auto&& field) {
    for (size_t i = 0; i < n; ++i) text += fmt::format("{}{}", i == 0 ? "" : " & ", field(i));
    text += " \\\\\n";
  };
  add(table.columns.size(), [&](size_t i) { return latex_text(table.columns[i].heading); });
  text += "\\midrule\n";
  for (const std::vector<TableField>& line : table.lines) {
    add(line.size(), [&](size_t i) {
      if (!table.columns[i].is_number()) return line[i].text.empty() ? std::string("--") : latex_text(line[i].text);
      std::string figure = figure_or_dash(table.columns[i], line[i].figure, "--");
      for (const auto& [sign, command] : {std::pair<std::string, const char*>{"±", "$\\pm$"}, {"<", "$<$"}}) {
        const size_t at = figure.find(sign);
        if (at != std::string::npos) figure.replace(at, sign.size(), command);
      }
      return figure;
    });
  }
  return text + "\\bottomrule\n\\end{tabular}\n";
}

std::string markdown_table(const PaperTable& table) {
  std::string text = "|";
  std::string rule = "|";
  for (const TableColumn& column : table.columns) {
    text += fmt::format(" {} |", markdown_text(column.heading));
    rule += column.is_number() ? "---:|" : "---|";
  }
  text += fmt::format("\n{}\n", rule);
  for (const std::vector<TableField>& line : table.lines) {
    text += "|";
    for (size_t i = 0; i < line.size(); ++i) {
      const TableColumn& column = table.columns[i];
      text += fmt::format(
          " {} |", markdown_text(column.is_number() ? figure_or_dash(column, line[i].figure, "-") : line[i].text));
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::string paper_table(const ReportData& data, TableFormat format) {
  const PaperTable table = table_of(findings(data), data.runs, format == TableFormat::kCsv);
  switch (format) {
    case TableFormat::kCsv:
      return csv_table(table);
    case TableFormat::kLatex:
      return latex_table(for_readers(table));
    case TableFormat::kMarkdown:
      return markdown_table(for_readers(table));
  }
  throw failure("unknown format of a table");
}

}  // namespace cprobe
