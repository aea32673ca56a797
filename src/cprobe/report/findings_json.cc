#include "cprobe/report/findings_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace cprobe {
namespace {

using Json = nlohmann::ordered_json;

Json number_or_null(const std::optional<double>& number) {
  return number && std::isfinite(*number) ? Json(*number) : Json(nullptr);
}

Json question_json(const JudgedFinding& finding, Question question) {
  const JudgedQuestion& asked = finding.*question;
  return {{"answer", to_string(asked.answer)},
          {"words", answer_words(finding, question)},
          {"statistic", number_or_null(asked.statistic)},
          {"null_mean", number_or_null(asked.null_mean)},
          {"null_sd", number_or_null(asked.null_sd)},
          {"n_null", asked.n_null},
          {"p", number_or_null(asked.p)},
          {"p_adjusted", number_or_null(asked.p_adjusted)},
          {"lower", number_or_null(asked.lower)},
          {"upper", number_or_null(asked.upper)}};
}

Json judged_json(const JudgedFinding& finding, const ReportedRun& run, const ProbedCell& first) {
  Json made_here = question_json(finding, &JudgedFinding::made_here);
  made_here["received_from"] = finding.received_from.empty() ? Json(nullptr) : Json(finding.received_from);
  Json needed = question_json(finding, &JudgedFinding::weights_needed);
  needed["null_circuits"] = number_or_null(finding.null_circuits_harm);
  Json json = {{"run", run.name},
               {"model", first.settings.model},
               {"control", to_string(first.settings.control)},
               {"variable", finding.variable},
               {"component", fmt::format("L{}.{}", finding.component.layer, to_string(finding.component.block))},
               {"position", finding.position},
               {"data", finding.data},
               {"options", finding.options},
               {"seeds", finding.cells.size()},
               {"types", finding.types.empty() ? Json(nullptr) : Json(finding.types)},
               {"null_variables", finding.null_kind.empty() ? Json(nullptr) : Json(finding.null_kind)},
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
  json["keep"] = number_or_null(finding.keep);
  json["carried"] = number_or_null(finding.carried);
  json["left"] = number_or_null(finding.left);
  json["moved"] = number_or_null(finding.moved);
  if (question == &JudgedFinding::through_component) {
    json["keep_halves"] = number_or_null(finding.keep_halves);
    json["null_moved"] = number_or_null(finding.null_moved);
  } else {
    json["p_variable"] = number_or_null(finding.chosen_units.p_adjusted);
  }
  return json;
}

std::string findings_json(const ReportData& data) {
  Json findings = Json::array();
  for (size_t r = 0; r < data.runs.size(); ++r) {
    std::vector<ProbedCell> cells;
    for (const ReportedCell& cell : data.cells) {
      if (cell.run == r) cells.push_back(cell);
    }
    for (const JudgedFinding& finding : judged_findings(cells)) {
      findings.push_back(judged_json(finding, data.runs[r], cells[finding.cells.front()]));
    }
  }
  return Json{{"findings", findings}}.dump(2) + "\n";
}

}  // namespace cprobe
