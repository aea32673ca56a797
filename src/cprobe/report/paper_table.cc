#include "cprobe/report/paper_table.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "cprobe/core/error.h"
#include "cprobe/core/text.h"
#include "cprobe/evaluate/statistics.h"
#include "cprobe/io/csv.h"
#include "cprobe/report/phrases.h"
#include "cprobe/report/reported_findings.h"

namespace cprobe {
namespace {

/// A field of the table: a text or a figure.
struct Field {
  std::string text = {};
  std::optional<Spread> figure = {};
};

Field number_field(double number) {
  return {.figure = Spread{.mean = number, .n = 1}};
}

struct Column {
  std::string heading;
  enum class Kind { kText, kNumber, kFigure, kP } kind = Kind::kText;  ///< Figures have deviations.

  bool is_number() const { return kind != Kind::kText; }
};
using enum Column::Kind;

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Field>> lines;
};

std::optional<Spread> largest(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  return Spread{.mean = *std::ranges::max_element(values), .n = 1};
}

/// A figure of a question over runs: the largest, or with `least` the smallest; none if no run has
/// it.
std::optional<Spread> over_answers(const ReportedSet& on, Question question,
                                   std::optional<double> JudgedQuestion::*figure, bool least = false) {
  std::optional<double> found;
  for (const AnswersOfRun& of : on.answers) {
    const std::optional<double>& value = (of.judged.*question).*figure;
    if (value && (!found || (least ? *value < *found : *value > *found))) found = value;
  }
  return found ? std::optional(Spread{.mean = *found, .n = 1}) : std::nullopt;
}

std::string extent_of(const ReportedFinding& f) {
  const int64_t n = f.n_cells();
  if (f.n_empty == n) return "empty";
  if (f.n_full == n) return "full";
  if (f.n_empty + f.n_full == 0) return "proper part";
  std::string text = fmt::format("proper part in {} of {}", n - f.n_empty - f.n_full, n);
  if (f.n_empty > 0) text += fmt::format(", empty in {}", f.n_empty);
  if (f.n_full > 0) text += fmt::format(", full in {}", f.n_full);
  return text;
}

/// The positions from which runs received the variable, each once.
std::string received_from(const ReportedSet& on) {
  std::vector<std::string> positions;
  for (const AnswersOfRun& of : on.answers) {
    const std::string& position = of.judged.received_from;
    if (of.judged.made_here.answer != VerdictWord::kReceived) continue;
    if (std::ranges::find(positions, position) == positions.end()) positions.push_back(position);
  }
  return fmt::format("{}", fmt::join(positions, ", "));
}

/// The columns of the question whether the weights suffice, and their fields.
std::vector<Column> sufficiency_columns() {
  return {{"only these left", kFigure},  {"only random left", kFigure}, {"none left", kFigure}, {"p sufficient", kP},
          {"sufficient lower", kNumber}, {"sufficient upper", kNumber}, {"sufficient"}};
}
std::vector<Field> sufficiency_fields(const ReportedFinding& f, const ReportedSet& on) {
  constexpr Question kSufficient = &JudgedFinding::sufficient;
  if (!on.asks_sufficiency() || !on.ablation) return std::vector<Field>(sufficiency_columns().size());
  const ReportedAblation& a = *on.ablation;
  return {{{}, a.complement},
          {{}, a.only_random},
          {{}, a.component},
          {{}, over_answers(on, kSufficient, &JudgedQuestion::p_adjusted)},
          {{}, over_answers(on, kSufficient, &JudgedQuestion::lower, true)},
          {{}, over_answers(on, kSufficient, &JudgedQuestion::upper)},
          {f.is_empty() ? std::string() : answers_text(f, on, kSufficient)}};
}

/// What negative controls of the same model say: "also present", or "random_init: not present" of
/// several; and their accuracy on other types.
std::vector<Field> control_fields(const ReportedFinding& f, const ReportedSet& on,
                                  const std::vector<ReportedFinding>& all) {
  std::vector<std::string> answers, accuracies;
  for (const size_t i : f.in_controls) {
    const ReportedSet* there = all[i].on(on.data);
    if (there == nullptr) continue;
    const std::string name = f.in_controls.size() > 1 ? all[i].control + ": " : std::string();
    answers.push_back(name + answer_of_control(all[i], *there));
    if (there->presence) accuracies.push_back(name + text_of(there->presence->mask));
  }
  return {{fmt::format("{}", fmt::join(accuracies, "; "))}, {fmt::format("{}", fmt::join(answers, "; "))}};
}

/// The columns of questions that are asked by exchange, and their fields.
std::vector<Column> exchange_columns() {
  return {{"exchange effect", kNumber}, {"p component", kP}, {"through component"},
          {"carried - left", kNumber},  {"p units", kP},     {"through units"}};
}
std::vector<Field> exchange_fields(const ReportedFinding& f, const ReportedSet& on) {
  std::vector<Field> fields;
  for (const Question question : {&JudgedFinding::through_component, &JudgedFinding::through_units}) {
    fields.push_back({{}, over_answers(on, question, &JudgedQuestion::statistic)});
    fields.push_back({{}, over_answers(on, question, &JudgedQuestion::p_adjusted)});
    fields.push_back({on.is_asked(question) ? answers_text(f, on, question) : std::string()});
  }
  return fields;
}

/// The fields of a finding on one data set that a table has beside those of the finding.
std::vector<Field> fields_of(const ReportedFinding& f, const ReportedSet& on) {
  constexpr Question kPresent = &JudgedFinding::present, kNeeded = &JudgedFinding::weights_needed;
  const ReportedPresence* presence = on.presence ? &*on.presence : nullptr;
  const ReportedAblation* a = on.ablation ? &*on.ablation : nullptr;
  const Spread* nulls = presence != nullptr && presence->nulls ? &*presence->nulls : nullptr;
  // If all masks are empty, nothing is ablated.
  const bool is_ablated = a != nullptr && !f.is_empty();
  std::vector<Field> fields = {{on.data}};
  fields.push_back({{}, presence != nullptr ? std::optional(presence->mask) : std::nullopt});
  fields.push_back(nulls != nullptr ? number_field(nulls->mean) : Field());
  fields.push_back(nulls != nullptr && nulls->sd ? number_field(*nulls->sd) : Field());
  fields.push_back({{}, over_answers(on, kPresent, &JudgedQuestion::p_adjusted)});
  fields.push_back({{}, over_answers(on, kPresent, &JudgedQuestion::lower, true)});
  fields.push_back({{}, over_answers(on, kPresent, &JudgedQuestion::upper)});
  fields.push_back({answers_text(f, on, kPresent)});
  fields.push_back({answer_counts(f, on, &JudgedFinding::made_here)});
  fields.push_back({received_from(on)});
  fields.push_back({{}, a != nullptr ? std::optional(a->untouched) : std::nullopt});
  fields.push_back({{}, is_ablated ? std::optional(a->ablated) : std::nullopt});
  fields.push_back({{}, a != nullptr ? a->random : std::nullopt});
  fields.push_back({{}, is_ablated ? over_answers(on, kNeeded, &JudgedQuestion::statistic) : std::nullopt});
  fields.push_back({{}, over_answers(on, kNeeded, &JudgedQuestion::p_adjusted)});
  fields.push_back({{}, over_answers(on, kNeeded, &JudgedQuestion::lower, true)});
  fields.push_back({{}, over_answers(on, kNeeded, &JudgedQuestion::upper)});
  fields.push_back({f.is_empty() ? std::string() : answers_text(f, on, kNeeded)});
  fields.push_back({{}, a != nullptr ? largest(a->complement_p) : std::nullopt});
  return fields;
}

Table table_of(const std::vector<ReportedFinding>& all) {
  const auto any = [&](auto&& holds) { return std::ranges::any_of(all, holds); };
  const bool with_series = any([&](const ReportedFinding& f) { return f.series != all.front().series; });
  const bool with_step = any([](const ReportedFinding& f) { return f.step.has_value(); });
  const bool with_positions = any([&](const ReportedFinding& f) { return f.position != all.front().position; });
  const bool with_options = any([](const ReportedFinding& f) { return !f.options.empty(); });
  const bool with_controls = any([](const ReportedFinding& f) { return !f.control.empty(); });
  const bool with_exchange = any([](const ReportedFinding& f) {
    return std::ranges::any_of(f.sets,
                               [](const ReportedSet& on) { return on.is_asked(&JudgedFinding::through_component); });
  });
  const bool with_sufficiency = any([](const ReportedFinding& f) {
    return std::ranges::any_of(f.sets, [](const ReportedSet& on) { return on.asks_sufficiency(); });
  });
  const bool with_matched = any([](const ReportedFinding& f) { return !f.in_controls.empty(); });
  Table table;
  if (with_series) table.columns.push_back({"run"});
  if (with_step) table.columns.push_back({"step"});
  if (with_controls) table.columns.push_back({"negative control"});
  table.columns.insert(table.columns.end(), {{"variable"}, {"component"}});
  if (with_positions) table.columns.push_back({"position"});
  if (with_options) table.columns.push_back({"setting"});
  table.columns.insert(table.columns.end(), {{"mask"},
                                             {"share of weights", kFigure},
                                             {"kNN", kFigure},
                                             {"kNN component", kFigure},
                                             {"majority", kNumber},
                                             {"data set"},
                                             {"other types", kFigure},
                                             {"null mean", kNumber},
                                             {"null sd", kNumber},
                                             {"p present", kP},
                                             {"present lower", kNumber},
                                             {"present upper", kNumber},
                                             {"present"},
                                             {"made here"},
                                             {"received from"},
                                             {"untouched", kFigure},
                                             {"deleted", kFigure},
                                             {"random deleted", kFigure},
                                             {"harm", kNumber},
                                             {"p needed", kP},
                                             {"harm lower", kNumber},
                                             {"harm upper", kNumber},
                                             {"needed"},
                                             {"p complement", kP}});
  if (with_sufficiency) std::ranges::copy(sufficiency_columns(), std::back_inserter(table.columns));
  if (with_exchange) std::ranges::copy(exchange_columns(), std::back_inserter(table.columns));
  if (with_matched) {
    table.columns.insert(table.columns.end(), {{"other types in control"}, {"present in control"}});
  }
  table.columns.push_back({"repetitions"});
  for (const ReportedFinding& f : all) {
    for (const ReportedSet& on : f.sets) {
      std::vector<Field> line;
      if (with_series) line.push_back({f.series});
      if (with_step) line.push_back({f.step ? std::to_string(*f.step) : std::string()});
      if (with_controls) line.push_back({f.control});
      line.insert(line.end(), {{f.variable}, {f.component()}});
      if (with_positions) line.push_back({std::to_string(f.position)});
      if (with_options) line.push_back({f.options});
      line.push_back({extent_of(f)});
      for (const Spread& figure : {f.share, f.knn, f.full, Spread{.mean = f.majority}}) line.push_back({{}, figure});
      std::ranges::move(fields_of(f, on), std::back_inserter(line));
      if (with_sufficiency) std::ranges::move(sufficiency_fields(f, on), std::back_inserter(line));
      if (with_exchange) std::ranges::move(exchange_fields(f, on), std::back_inserter(line));
      if (with_matched) std::ranges::move(control_fields(f, on, all), std::back_inserter(line));
      line.push_back({std::to_string(f.n_cells())});
      table.lines.push_back(std::move(line));
    }
  }
  return table;
}

bool exists(const std::optional<Spread>& figure) {
  return figure && !std::isnan(figure->mean);
}

/// Six significant digits, because people who compute with a table want more than those who read.
std::string csv_number(double value) {
  return fmt::format("{:.6g}", value);
}

std::string csv_table(const Table& table) {
  std::vector<std::string> heading;
  for (const Column& column : table.columns) {
    heading.push_back(column.heading);
    if (column.kind == kFigure) heading.push_back(column.heading + " sd");
  }
  std::string text = csv_record(heading);
  for (const std::vector<Field>& line : table.lines) {
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

std::string figure_or_dash(const Column& column, const std::optional<Spread>& figure, const std::string& dash) {
  if (!exists(figure)) return dash;
  return column.kind == kP ? p_number(figure->mean) : figure_text(figure->mean, figure->sd);
}

std::string latex_table(const Table& table) {
  std::string text = "% Needs \\usepackage{booktabs}.\n\\begin{tabular}{";
  for (const Column& column : table.columns) text += column.is_number() ? 'r' : 'l';
  text += "}\n\\toprule\n";
  const auto add = [&](size_t n, auto&& field) {
    for (size_t i = 0; i < n; ++i) text += fmt::format("{}{}", i == 0 ? "" : " & ", field(i));
    text += " \\\\\n";
  };
  add(table.columns.size(), [&](size_t i) { return latex_text(table.columns[i].heading); });
  text += "\\midrule\n";
  for (const std::vector<Field>& line : table.lines) {
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

std::string markdown_table(const Table& table) {
  std::string text = "|";
  std::string rule = "|";
  for (const Column& column : table.columns) {
    text += fmt::format(" {} |", markdown_text(column.heading));
    rule += column.is_number() ? "---:|" : "---|";
  }
  text += fmt::format("\n{}\n", rule);
  for (const std::vector<Field>& line : table.lines) {
    text += "|";
    for (size_t i = 0; i < line.size(); ++i) {
      const Column& column = table.columns[i];
      text += fmt::format(
          " {} |", markdown_text(column.is_number() ? figure_or_dash(column, line[i].figure, "-") : line[i].text));
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::string paper_table(const ReportData& data, TableFormat format) {
  const Table table = table_of(findings(data));
  switch (format) {
    case TableFormat::kCsv:
      return csv_table(table);
    case TableFormat::kLatex:
      return latex_table(table);
    case TableFormat::kMarkdown:
      return markdown_table(table);
  }
  throw failure("unknown format of a table");
}

}  // namespace cprobe
