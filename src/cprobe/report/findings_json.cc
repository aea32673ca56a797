#include "cprobe/report/findings_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "cprobe/baselines/baseline.h"
#include "cprobe/report/reported_findings.h"
#include "cprobe/report/reported_methods.h"

namespace cprobe {
namespace {

using Json = nlohmann::ordered_json;

Json number_or_null(const std::optional<double>& number) {
  return number && std::isfinite(*number) ? Json(*number) : Json(nullptr);
}

/// @param has_weak_nulls  whether a yes means "beyond chance" only: who reads the answer alone must
///                        not take it for a yes.
Json question_json(const JudgedQuestion& asked, const std::string& words, bool has_weak_nulls) {
  const VerdictWord answer =
      has_weak_nulls && asked.answer == VerdictWord::kYes ? VerdictWord::kUndecided : asked.answer;
  return {{"answer", to_string(answer)},
          {"words", words},
          {"to_decide", asked.to_decide.empty() ? Json(nullptr) : Json(asked.to_decide)},
          {"statistic", number_or_null(asked.statistic)},
          {"null_mean", number_or_null(asked.null_mean)},
          {"null_sd", number_or_null(asked.null_sd)},
          {"n_null", asked.n_null},
          {"p", number_or_null(asked.shown_p())},
          {"p_adjusted", number_or_null(asked.shown_p_adjusted())},
          {"q", number_or_null(asked.shown_q())},
          {"lower", number_or_null(asked.lower)},
          {"upper", number_or_null(asked.upper)}};
}

Json question_json(const JudgedFinding& finding, Question question) {
  const bool is_beside_variables = question == &JudgedFinding::present || question == &JudgedFinding::made_here;
  return question_json(finding.*question, answer_words(finding, question),
                       is_beside_variables && has_weak_nulls(finding));
}

Json method_json(const JudgedMethod& judged, const ReportedRun& run) {
  const JudgedFinding& finding = judged.finding;
  return {{"run", run.name},
          {"method", judged.method},
          {"question", find_method(judged.method)->question},
          {"variable", finding.variable},
          {"title", title_in(run.titles, finding.variable)},
          {"component", to_string(finding.component)},
          {"site", judged.site},
          {"position", finding.position},
          {"data", finding.data},
          {"figure", judged.metric},
          {"seeds", finding.cells.size()},
          {"types", finding.types.empty() ? Json(nullptr) : Json(finding.types)},
          {"null_variables", finding.null_kind.empty() ? Json(nullptr) : Json(finding.null_kind)},
          {"isolation", number_or_null(judged.isolation)},
          {"present", question_json(judged.question(), answer_words(judged), has_weak_nulls(judged.finding))}};
}

/// A question over models; null if none of them was tested on it.
Json over_models_json(const ReportedSet& on, Question question) {
  const OverModels* over = on.over(question);
  if (over == nullptr) return nullptr;
  if (!over->replication) return {{"p", nullptr}, {"why_not", over->why_not}};
  const Replication& found = *over->replication;
  const auto end = [&](double Interval::*which) {
    return found.interval ? number_or_null((*found.interval).*which) : Json(nullptr);
  };
  return {{"p", found.p.p()},
          {"n_with_effect", found.n_with_effect},
          {"n_models", found.n_models},
          {"n_findings", found.n_findings},
          {"values", found.values},
          {"lower", end(&Interval::lower)},
          {"upper", end(&Interval::upper)}};
}

/// The findings of models that repeat each other.
Json over_models_json(const ReportData& data) {
  Json list = Json::array();
  for (const ReportedFinding& finding : findings(data)) {
    for (const ReportedSet& on : finding.sets) {
      if (on.models.empty()) continue;
      Json models = Json::array();
      for (const size_t run : on.models) models.push_back(data.runs[run].name);
      list.push_back({{"series", finding.series},
                      {"step", finding.step ? Json(*finding.step) : Json(nullptr)},
                      {"models", models},
                      {"control", finding.control.empty() ? Json("none") : Json(finding.control)},
                      {"variable", finding.variable},
                      {"title", finding.title},
                      {"component", finding.component()},
                      {"position", finding.position},
                      {"data", on.data},
                      {"options", finding.options},
                      {"present", over_models_json(on, &JudgedFinding::present)},
                      {"made_here", over_models_json(on, &JudgedFinding::made_here)},
                      {"weights_needed", over_models_json(on, &JudgedFinding::weights_needed)},
                      {"through_component", over_models_json(on, &JudgedFinding::through_component)},
                      {"through_units", over_models_json(on, &JudgedFinding::through_units)}});
    }
  }
  return list;
}

/// @param cells  of the run.
Json judged_json(const JudgedFinding& finding, const ReportedRun& run, const std::vector<ProbedCell>& cells) {
  const ProbedCell& first = cells[finding.cells.front()];
  Json ids = Json::array();
  for (const size_t cell : finding.cells) ids.push_back(cells[cell].id);
  Json made_here = question_json(finding, &JudgedFinding::made_here);
  made_here["received_from"] = finding.received_from.empty() ? Json(nullptr) : Json(finding.received_from);
  Json needed = question_json(finding, &JudgedFinding::weights_needed);
  needed["null_circuits"] = number_or_null(finding.null_circuits_harm);
  Json json = {{"run", run.name},
               {"model", first.settings.model},
               {"control", to_string(first.settings.control)},
               {"variable", finding.variable},
               {"title", title_in(run.titles, finding.variable)},
               {"component", fmt::format("L{}.{}", finding.component.layer, to_string(finding.component.block))},
               {"position", finding.position},
               {"data", finding.data},
               {"options", finding.options},
               {"seeds", finding.cells.size()},
               {"cells", ids},
               {"smallest_effect", run.judge.smallest_effect},
               {"correction", to_string(run.judge.correction)},
               {"types", finding.types.empty() ? Json(nullptr) : Json(finding.types)},
               {"null_variables", finding.null_kind.empty() ? Json(nullptr) : Json(finding.null_kind)},
               {"held_out_types", finding.n_held_out},
               {"present", question_json(finding, &JudgedFinding::present)},
               {"made_here", made_here},
               {"weights_needed", needed},
               {"through_component", through_json(finding, &JudgedFinding::through_component)},
               {"through_units", through_json(finding, &JudgedFinding::through_units)}};
  if (finding.sufficient.is_asked()) {
    json["sufficient"] = question_json(finding, &JudgedFinding::sufficient);
    json["sufficient"]["without_component"] = number_or_null(finding.without_component);
    json["sufficient"]["share"] = number_or_null(finding.kept_share);
  }
  return json;
}

}  // namespace

Json through_json(const JudgedFinding& finding, Question question) {
  Json json = question_json(finding, question);
  json["donors"] = finding.donors ? Json(to_string(*finding.donors)) : Json(nullptr);
  json["keep"] = number_or_null(finding.keep);
  json["carried"] = number_or_null(finding.carried);
  json["left"] = number_or_null(finding.left);
  json["moved"] = number_or_null(finding.moved);
  if (question == &JudgedFinding::through_component) {
    json["keep_halves"] = number_or_null(finding.keep_halves);
    json["null_moved"] = number_or_null(finding.null_moved);
  } else {
    json["p_variable"] = number_or_null(finding.chosen_units.shown_p_adjusted());
  }
  return json;
}

std::string findings_json(const ReportData& data) {
  Json findings = Json::array(), methods = Json::array();
  for (size_t r = 0; r < data.runs.size(); ++r) {
    std::vector<ProbedCell> cells;
    for (const ReportedCell& cell : data.cells) {
      if (cell.run == r) cells.push_back(cell);
    }
    for (const JudgedFinding& finding : judged_findings(cells, data.runs[r].judge)) {
      findings.push_back(judged_json(finding, data.runs[r], cells));
    }
  }
  for (const ReportedMethod& method : reported_methods(data)) {
    methods.push_back(method_json(method.judged, data.runs[method.run]));
  }
  return Json{{"findings", findings}, {"methods", methods}, {"over_models", over_models_json(data)}}.dump(2) + "\n";
}

}  // namespace cprobe
