#include "cprobe/record/result_tables.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "cprobe/core/text_table.h"
#include "cprobe/evaluate/statistics.h"
#include "cprobe/record/judged_methods.h"

namespace cprobe {
namespace {

/// Names the evaluation sets whose ablations a table does not show; empty if there are none.
std::string other_data_note(const std::vector<ProbedCell>& cells) {
  if (cells.empty()) return {};
  std::vector<std::string> labels;
  for (const Findings::OnEvaluationSet& on : cells.front().findings.evaluation_sets) labels.push_back(on.label);
  if (labels.size() < 2) return {};
  return fmt::format("Ablations are those on {}; results.csv has {} as well.\n", labels.front(),
                     fmt::join(labels.begin() + 1, labels.end(), ", "));
}

std::vector<RecordedMetric> method_rows(const Store& store) {
  std::vector<RecordedMetric> rows = store.metrics();
  std::erase_if(rows, [](const RecordedMetric& row) { return row.method.starts_with(kCircuitProbing); });
  return rows;
}

/// The answers of comparison methods that rest on a figure, by cell and metric, such as
/// "changed_answers Test".
using MethodAnswers = std::map<std::pair<std::string, std::string>, JudgedMethod>;

MethodAnswers method_answers(const std::vector<RecordedMetric>& rows,
                             const std::map<std::string, JudgeOptions>& rules) {
  MethodAnswers answers;
  for (const JudgedMethod& judged : judged_methods(rows, rules)) {
    if (!judged.question().statistic) continue;
    for (const std::string& cell : judged.cells) answers.emplace(std::pair(cell, judged.metric), judged);
  }
  return answers;
}

/// The answer that belongs to a line of metrics.csv; null if there is none.
const JudgedMethod* answer_to(const MethodAnswers& answers, const RecordedMetric& row) {
  const auto found = answers.find({row.cell, row.metric.metric});
  return found == answers.end() || !row.metric.control.empty() ? nullptr : &found->second;
}

bool are_from_complement(const AblationResult* random) {
  return random != nullptr && random->random_sets == RandomSets::kComplement;
}

/// Whether a question about a cell can be answered: it has figures of question 1, or random sets
/// beside which p is calibrated.
bool can_be_judged(const ProbedCell& cell) {
  const Findings::OnEvaluationSet* on = cell.findings.first();
  if (!cell.findings.presence.empty()) return true;
  return on != nullptr && on->circuit() != nullptr && on->circuit()->harm && !are_from_complement(on->random());
}

const Findings::Presence* presence_of(const ProbedCell& cell, std::string_view data) {
  const auto found = std::ranges::find(cell.findings.presence, data, &Findings::Presence::data);
  return found == cell.findings.presence.end() ? nullptr : &*found;
}

/// What a table shows of a cell: question 1 on the first evaluation set or, where that does not
/// have the variable, on the first data set that has; ablations on the first evaluation set.
struct ShownAnswers {
  const Findings::Presence* presence = nullptr;  ///< Null if question 1 was not asked.
  const JudgedFinding* present = nullptr;        ///< On the data of `presence`, if there is one.
  const JudgedFinding* needed = nullptr;         ///< On the first evaluation set, if there is one.
};

/// In the order of the cells.
std::vector<ShownAnswers> shown_answers(const std::vector<ProbedCell>& cells,
                                        const std::vector<JudgedFinding>& judged) {
  std::vector<ShownAnswers> shown(cells.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    const Findings& f = cells[i].findings;
    if (f.first() != nullptr) shown[i].presence = presence_of(cells[i], f.first()->label);
    if (shown[i].presence == nullptr && !f.presence.empty()) shown[i].presence = &f.presence.front();
  }
  for (const JudgedFinding& finding : judged) {
    for (const size_t i : finding.cells) {
      const Findings::OnEvaluationSet* on = cells[i].findings.first();
      if (shown[i].presence != nullptr && shown[i].presence->data == finding.data) shown[i].present = &finding;
      if (on != nullptr && on->label == finding.data) shown[i].needed = &finding;
    }
  }
  return shown;
}

/// "yes 0.050": the answer and its adjusted p; kNotTested without a finding.
std::string answer_text(const JudgedFinding* finding, Question question) {
  if (finding == nullptr) return std::string(to_string(VerdictWord::kNotTested));
  const std::optional<double> p = (finding->*question).shown_p_adjusted();
  return p ? fmt::format("{} {}", answer_word(*finding, question), p_number(*p)) : answer_word(*finding, question);
}

/// "received, token 0"; the answer alone if it is another.
std::string made_here_text(const JudgedFinding* finding) {
  if (finding == nullptr) return std::string(to_string(VerdictWord::kNotTested));
  const std::string word = answer_word(*finding, &JudgedFinding::made_here);
  return finding->made_here.answer == VerdictWord::kReceived ? fmt::format("{}, {}", word, finding->received_from)
                                                             : word;
}

/// Question 1 as fields: accuracy on other types, the same of null circuits, both answers.
std::vector<std::string> presence_fields(const ShownAnswers& shown) {
  const bool is_defined = shown.presence != nullptr && shown.presence->present.interval.n_types > 0;
  const bool has_nulls = is_defined && !shown.presence->present.nulls.empty();
  const Spread nulls = has_nulls ? spread(shown.presence->present.nulls) : Spread();
  return {is_defined ? figure_text(shown.presence->present.value, {}) : kNoFigure,
          figure_text(has_nulls ? &nulls : nullptr), answer_text(shown.present, &JudgedFinding::present),
          made_here_text(shown.present)};
}

/// "Types of a, b: token 0; 19 null variables (permuted tokens)." A line for each kind.
std::string types_note(const std::vector<ProbedCell>& cells, const Titles& titles) {
  std::vector<std::pair<std::string, std::vector<std::string>>> kinds;  // What a line says, and variables.
  for (const ProbedCell& cell : cells) {
    const Findings& f = cell.findings;
    if (f.types.empty()) continue;
    const std::string nulls = f.null_kind.empty()
                                  ? "no null variables, so that presence is not tested"
                                  : fmt::format("{} null variables ({})", f.null_weights.size(), f.null_kind);
    const std::string held_out =
        f.n_held_out == 0 ? "" : fmt::format(", {} of them held out of masks and exemplars", f.n_held_out);
    const std::string says = fmt::format("{}{}; {}", f.types, held_out, nulls);
    auto kind = std::ranges::find(kinds, says, &decltype(kinds)::value_type::first);
    if (kind == kinds.end()) kind = kinds.emplace(kinds.end(), says, std::vector<std::string>());
    const std::string variable = title_in(titles, cell.settings.cell.variable);
    if (std::ranges::find(kind->second, variable) == kind->second.end()) kind->second.push_back(variable);
  }
  std::string lines;
  for (const auto& [says, variables] : kinds) {
    lines += fmt::format("Types of {}: {}.\n", fmt::join(variables, ", "), says);
  }
  return lines;
}

std::string control_note(const std::vector<ProbedCell>& cells) {
  if (cells.empty() || cells.front().settings.control == ModelControl::kNone) return {};
  return fmt::format("The model is a negative control ({}).\n", to_string(cells.front().settings.control));
}

/// What stands behind "±" in a table; empty for a table without.
std::string sd_note(const std::string& table, bool has_null_circuits) {
  if (table.find("±") == std::string::npos) return {};
  return fmt::format("± is a standard deviation: of kNN over draws of exemplars, of random over random sets{}.\n",
                     has_null_circuits ? ", of nulls over null circuits" : "");
}

/// What the numbers behind answers are, and which types are the other ones.
std::string answers_note(const std::vector<ProbedCell>& cells, const std::vector<JudgedFinding>& judged) {
  std::string note =
      "Behind an answer stands p, adjusted for all findings about its question and data set. Other types are those "
      "that no exemplar has";
  const bool are_held_out = std::ranges::any_of(judged, [](const JudgedFinding& f) { return f.n_held_out > 0; });
  note += are_held_out ? ", and, where types were held out, no mask was trained on.\n"
                       : "; masks were trained on all types (evaluate.held_out_types: 0).\n";
  const auto n_empty =
      std::ranges::count_if(cells, [](const ProbedCell& cell) { return cell.findings.extent() == Extent::kEmpty; });
  if (n_empty > 0) {
    note += fmt::format("The search kept nothing in {} of {} cells; smaller L0 weights (fit.l0_weight) keep more.\n",
                        n_empty, cells.size());
  }
  const auto n_without_room = std::ranges::count_if(
      judged, [](const JudgedFinding& f) { return f.n_held_out == 0 && f.present.answer == VerdictWord::kCannotTell; });
  if (n_without_room > 0) {
    note += fmt::format(
        "Null circuits leave no room in {} of {} findings. Types held out from masks and exemplars leave more "
        "(evaluate: {{held_out_types: 0.2}}).\n",
        n_without_room, judged.size());
  }
  return note;
}

std::string seeds_note(const std::vector<JudgedFinding>& judged) {
  const bool has_seeds = std::ranges::any_of(judged, [](const JudgedFinding& f) { return f.cells.size() > 1; });
  return has_seeds ? "Seeds are averaged before a test, so lines that differ in seeds only share their answers.\n" : "";
}

/// p beside controls from the circuit's complement; kNoFigure for other controls.
std::string complement_p_text(const Findings::OnEvaluationSet& on) {
  return are_from_complement(on.random()) ? p_text(on.circuit()) : kNoFigure;
}

}  // namespace

std::string figure_text(const Spread* figure) {
  return figure == nullptr ? kNoFigure : figure_text(figure->mean, figure->sd);
}

std::string accuracy_text(const AblationResult* ablation) {
  return figure_text(ablation == nullptr ? nullptr : &ablation->accuracy);
}

std::string p_text(const AblationResult* ablation) {
  return ablation == nullptr || !ablation->p ? kNoFigure : p_number(*ablation->p);
}

std::string results_table(const Store& store) {
  const std::vector<ProbedCell> cells = store.probed();
  const bool is_judged = std::ranges::any_of(cells, can_be_judged);
  const JudgeOptions rules = store.judging();
  const Titles titles = store.titles();
  std::vector<std::string> variables;
  const std::vector<JudgedFinding> judged = is_judged ? judged_findings(cells, rules) : std::vector<JudgedFinding>();
  const std::vector<ShownAnswers> answers = shown_answers(cells, judged);
  std::vector<std::string> heading = {"variable", "site"};
  std::vector<VariedSetting> varied = varied_settings(grid_settings(), cells);
  for (const VariedSetting& setting : varied) heading.push_back(setting.name);
  const auto add = [](std::vector<std::string>& line, const std::vector<std::string>& fields) {
    line.insert(line.end(), fields.begin(), fields.end());
  };
  add(heading, {"kNN", "kNN full"});
  add(heading, is_judged ? std::vector<std::string>{"other types", "nulls", "present", "made here"}
                         : std::vector<std::string>{"majority"});
  add(heading, {"weights", "untouched", "ablated", "random"});
  add(heading, is_judged ? std::vector<std::string>{"needed"} : std::vector<std::string>{"p (complement)", "mask"});
  const bool asks_sufficiency =
      std::ranges::any_of(judged, [](const JudgedFinding& finding) { return finding.sufficient.is_asked(); });
  if (asks_sufficiency) add(heading, {"all else ablated", "sufficient"});
  const bool is_exchanged = std::ranges::any_of(
      judged, [](const JudgedFinding& finding) { return finding.through_component.statistic.has_value(); });
  if (is_exchanged) add(heading, {"through component", "through units"});
  std::vector<std::vector<std::string>> lines = {heading};
  for (size_t i = 0; i < cells.size(); ++i) {
    const auto& [id, settings, f] = cells[i];
    const Findings::OnEvaluationSet none, *on = f.first() == nullptr ? &none : f.first();
    variables.push_back(settings.cell.variable);
    std::vector<std::string> line = {title_in(titles, settings.cell.variable), to_string(settings.cell.component)};
    for (const VariedSetting& setting : varied) {
      const std::string value = setting.text(settings);
      line.push_back(value.empty() ? kNoFigure : value);
    }
    add(line, {figure_text(&f.knn.test), figure_text(&f.full_knn.test)});
    add(line, is_judged ? presence_fields(answers[i]) : std::vector<std::string>{figure_text(f.knn.test_majority, {})});
    add(line, {fmt::format("{:.1f} %", 100 * f.share()), on == &none ? kNoFigure : figure_text(on->untouched, {}),
               accuracy_text(on->circuit()), accuracy_text(on->random())});
    add(line, is_judged ? std::vector<std::string>{answer_text(answers[i].needed, &JudgedFinding::weights_needed)}
                        : std::vector<std::string>{complement_p_text(*on), std::string(to_string(f.extent()))});
    if (asks_sufficiency) {
      add(line, {accuracy_text(on->complement()), answer_text(answers[i].needed, &JudgedFinding::sufficient)});
    }
    if (is_exchanged) {
      for (const Question question : {&JudgedFinding::through_component, &JudgedFinding::through_units}) {
        line.push_back(answer_text(answers[i].needed, question));
      }
    }
    lines.push_back(line);
  }
  const std::string table = text_table(lines);
  return table + columns_note(titles, variables) + sd_note(table, is_judged) + other_data_note(cells) +
         types_note(cells, titles) + (is_judged ? answers_note(cells, judged) : "") + seeds_note(judged) +
         (is_judged ? rules_note(judged, rules) : "") + control_note(cells);
}

std::string results_json(const Store& store) {
  std::string lines;
  for (const RecordedRow& fields : store.result_rows()) {
    nlohmann::ordered_json object;
    for (const ResultField& f : fields.row) {
      if (f.text.empty()) {
        object[f.name] = nullptr;
      } else if (f.is_text) {
        object[f.name] = f.text;
      } else {
        object[f.name] = nlohmann::json::parse(f.text);
      }
    }
    lines += object.dump() + "\n";
  }
  return lines;
}

std::string methods_table(const Store& store) {
  const std::vector<RecordedMetric> rows = method_rows(store);
  const MethodAnswers answers = method_answers(rows, store.rules());
  const Titles titles = store.titles();
  std::set<int64_t> seeds;
  std::set<Position> positions;
  std::vector<std::string> variables;
  for (const RecordedMetric& row : rows) {
    variables.push_back(row.variable);
    seeds.insert(row.seed);
    positions.insert(row.position);
  }
  std::vector<std::vector<std::string>> lines = {
      {"method", "variable", "site", "figure", "value", "controls", "p", "n"}};
  if (!answers.empty()) lines[0].emplace_back("answer");
  if (positions.size() > 1) lines[0].emplace_back("position");
  if (seeds.size() > 1) lines[0].emplace_back("seed");
  lines[0].emplace_back("note");
  const RecordedMetric* shown = nullptr;
  for (const RecordedMetric& row : rows) {
    const Metric& m = row.metric;
    const std::string value = figure_text(m.value, m.sd);
    const bool same_figure = shown != nullptr && shown->cell == row.cell && shown->metric.metric == m.metric;
    if (!m.control.empty() && same_figure) {
      std::string& controls = lines.back()[5];
      controls += fmt::format("{}{} {}", controls.empty() ? "" : ", ", m.control, value);
      continue;
    }
    shown = &row;
    lines.push_back({row.method, title_in(titles, row.variable), row.site, m.metric,
                     m.control.empty() ? value : kNoFigure,
                     m.control.empty() ? "" : fmt::format("{} {}", m.control, value), m.p ? p_number(*m.p) : "",
                     std::to_string(m.n)});
    if (!answers.empty()) {
      const JudgedMethod* answer = answer_to(answers, row);
      const std::optional<double> p = answer == nullptr ? std::nullopt : answer->question().p_adjusted;
      lines.back().push_back(answer == nullptr ? ""
                             : p               ? fmt::format("{} {}", answer_word(*answer), p_number(*p))
                                               : answer_word(*answer));
    }
    if (positions.size() > 1) lines.back().push_back(to_string(row.position));
    if (seeds.size() > 1) lines.back().push_back(std::to_string(row.seed));
    lines.back().push_back(m.note);
  }
  return text_table(lines) + columns_note(titles, variables);
}

std::string methods_json(const Store& store) {
  std::string lines;
  const auto optional_number = [](const std::optional<double>& x) { return x ? nlohmann::ordered_json(*x) : nullptr; };
  const std::vector<RecordedMetric> rows = method_rows(store);
  const MethodAnswers answers = method_answers(rows, store.rules());
  for (const RecordedMetric& row : rows) {
    const Metric& m = row.metric;
    const JudgedMethod* answer = answer_to(answers, row);
    const nlohmann::ordered_json object = {
        {"method", row.method},
        {"variable", row.variable},
        {"site", row.site},
        {"position", row.position},
        {"seed", row.seed},
        {"metric", m.metric},
        {"value", m.value},
        {"n", m.n},
        {"sd", optional_number(m.sd)},
        {"control", m.control},
        {"p", optional_number(m.p)},
        {"note", m.note},
        {"cell", row.cell},
        {"lower", optional_number(m.lower)},
        {"upper", optional_number(m.upper)},
        {"p_adjusted", optional_number(answer == nullptr ? std::nullopt : answer->question().p_adjusted)},
        {"answer",
         answer == nullptr ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(answer_words(*answer))}};
    lines += object.dump() + "\n";
  }
  return lines;
}

}  // namespace cprobe
