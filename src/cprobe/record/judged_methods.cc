#include "cprobe/record/judged_methods.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>

#include "cprobe/baselines/baseline.h"
#include "cprobe/baselines/beside_nulls.h"
#include "cprobe/evaluate/tested_metric.h"

namespace cprobe {
namespace {

constexpr std::string_view kTooFew = "too few null variables";

/// The cells of one method. As question 1 of circuit probing, the figure beside null variables is
/// judged by the same rules.
struct MethodCells {
  const MethodEntry* entry = nullptr;
  std::vector<ProbedCell> cells;
  std::vector<std::map<std::string, double>> isolation;  ///< Of each cell by data set, as JudgedMethod::isolation.
};

/// The method of that name, if it answers a question; else null.
const MethodEntry* asking_method(const std::string& name) {
  const MethodEntry* entry = find_method(name);
  return entry == nullptr || entry->tested.empty() ? nullptr : entry;
}

/// The component before a state: L0.attn of "L0.mid", L0.mlp of "L0.post".
ComponentRef component_before(std::string site) {
  for (const auto& [state, block] : {std::pair("mid", "attn"), std::pair("post", "mlp")}) {
    if (site.ends_with(state)) site.replace(site.rfind(state), std::string::npos, block);
  }
  return parse_component(site);
}

/// What follows "<name> " in a metric's name: the label of a data set. None for other metrics.
std::optional<std::string> data_of(const Metric& metric, std::string_view name) {
  const std::string front = fmt::format("{} ", name);
  return metric.metric.starts_with(front) ? std::optional(metric.metric.substr(front.size())) : std::nullopt;
}

void read_metric(const Metric& m, std::string_view tested, Findings& findings,
                 std::map<std::string, double>& isolation) {
  if (m.metric == kNullVariablesMetric) {
    const size_t end = std::min(m.note.size(), m.note.find("; "));
    findings.types = m.note.substr(0, end);
    const std::string behind = m.note.substr(std::min(m.note.size(), end + 2));
    findings.null_kind = behind.substr(0, behind.find("; "));
  } else if (const auto data = data_of(m, tested)) {
    constexpr double kUnknown = std::numeric_limits<double>::infinity();
    if (m.control.empty()) {
      findings.presence.push_back({.data = *data, .present = tested_figure(m), .most = kUnknown});
    } else if (m.control == kMostPossible) {  // It is recorded behind the figure.
      const auto of = std::ranges::find(findings.presence, *data, &Findings::Presence::data);
      if (of != findings.presence.end()) of->most = m.value;
    }
  } else if (const auto isolated_on = data_of(m, kIsolation)) {
    if (m.control.empty()) isolation[*isolated_on] = m.value;
  }
}

/// The methods in order of first appearance.
std::vector<MethodCells> cells_by_method(const std::vector<RecordedMetric>& figures) {
  std::vector<MethodCells> methods;
  for (const RecordedMetric& row : figures) {
    const MethodEntry* entry = asking_method(row.method);
    if (entry == nullptr) continue;
    auto method = std::ranges::find(methods, entry, &MethodCells::entry);
    if (method == methods.end()) {
      methods.push_back({.entry = entry});
      method = std::prev(methods.end());
    }
    if (method->cells.empty() || method->cells.back().id != row.cell) {
      const Cell cell{.variable = row.variable,
                      .component = component_before(row.site),
                      .position = row.position,
                      .seed = static_cast<uint64_t>(row.seed)};
      method->cells.push_back({.id = row.cell, .settings = {.cell = cell}});
      method->isolation.emplace_back();
    }
    read_metric(row.metric, entry->tested, method->cells.back().findings, method->isolation.back());
  }
  return methods;
}

/// The mean isolation of a finding's cells; none unless each cell has it.
std::optional<double> isolation_of(const MethodCells& method, const JudgedFinding& finding) {
  double sum = 0;
  for (const size_t i : finding.cells) {
    const auto found = method.isolation[i].find(finding.data);
    if (found == method.isolation[i].end()) return std::nullopt;
    sum += found->second;
  }
  return sum / static_cast<double>(finding.cells.size());
}

void answer(JudgedQuestion& question, VerdictWord word) {
  const std::string_view before = to_string(question.answer);
  if (question.words.starts_with(before)) question.words.replace(0, before.size(), to_string(word));
  question.answer = word;
  if (word != VerdictWord::kUndecided) question.to_decide.clear();
}

}  // namespace

std::vector<JudgedMethod> judged_methods(const std::vector<RecordedMetric>& figures,
                                         const std::map<std::string, JudgeOptions>& rules) {
  std::vector<JudgedMethod> judged;
  for (const MethodCells& method : cells_by_method(figures)) {
    const auto own = rules.find(std::string(method.entry->name));
    const JudgeOptions options = own == rules.end() ? JudgeOptions() : own->second;
    for (JudgedFinding& finding : judged_findings(method.cells, options)) {
      JudgedMethod one{.method = std::string(method.entry->name),
                       .site = state_name(finding.component),
                       .metric = fmt::format("{} {}", method.entry->tested, finding.data)};
      one.finding = std::move(finding);
      for (const size_t i : one.finding.cells) one.cells.push_back(method.cells[i].id);
      JudgedQuestion& question = one.finding.present;
      one.isolation = isolation_of(method, one.finding);
      answer(question, for_share_of_rows(question.answer, one.isolation.value_or(1)));
      judged.push_back(std::move(one));
    }
  }
  return judged;
}

std::string answer_word(const JudgedMethod& judged) {
  if (judged.question().answer == VerdictWord::kTooFewTypes) return std::string(kTooFew);
  return answer_word(judged.finding, &JudgedFinding::present);
}

std::string answer_words(const JudgedMethod& judged) {
  if (judged.question().answer == VerdictWord::kTooFewTypes) return std::string(kTooFew);
  return answer_words(judged.finding, &JudgedFinding::present);
}

}  // namespace cprobe
