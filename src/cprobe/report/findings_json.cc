#include "cprobe/report/findings_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "cprobe/record/judged.h"

namespace cprobe {
namespace {

using Json = nlohmann::ordered_json;

Json number_or_null(const std::optional<double>& number) {
  return number && std::isfinite(*number) ? Json(*number) : Json(nullptr);
}

Json question_json(const JudgedQuestion& question) {
  return {{"answer", to_string(question.answer)},
          {"words", question.words.empty() ? std::string(to_string(question.answer)) : question.words},
          {"statistic", number_or_null(question.statistic)},
          {"null_mean", number_or_null(question.null_mean)},
          {"null_sd", number_or_null(question.null_sd)},
          {"n_null", question.n_null},
          {"p", number_or_null(question.p)},
          {"p_adjusted", number_or_null(question.p_adjusted)},
          {"lower", number_or_null(question.lower)},
          {"upper", number_or_null(question.upper)}};
}

/// A question about exchange, with the shares behind both.
Json through_json(const JudgedQuestion& question, const JudgedFinding& finding) {
  Json json = question_json(question);
  json["keep"] = number_or_null(finding.keep);
  json["carried"] = number_or_null(finding.carried);
  json["left"] = number_or_null(finding.left);
  json["moved"] = number_or_null(finding.moved);
  return json;
}

Json judged_json(const JudgedFinding& finding, const ReportedRun& run, const ProbedCell& first) {
  Json made_here = question_json(finding.made_here);
  made_here["received_from"] = finding.received_from.empty() ? Json(nullptr) : Json(finding.received_from);
  Json needed = question_json(finding.weights_needed);
  needed["null_circuits"] = number_or_null(finding.null_circuits_harm);
  Json component = through_json(finding.through_component, finding);
  component["keep_halves"] = number_or_null(finding.keep_halves);
  component["null_moved"] = number_or_null(finding.null_moved);
  Json units = through_json(finding.through_units, finding);
  units["p_variable"] = number_or_null(finding.p_variable);
  return {{"run", run.name},
          {"control", to_string(first.settings.control)},
          {"variable", finding.variable},
          {"component", fmt::format("L{}.{}", finding.component.layer, to_string(finding.component.block))},
          {"position", finding.position},
          {"data", finding.data},
          {"options", finding.options},
          {"seeds", finding.cells.size()},
          {"types", finding.types.empty() ? Json(nullptr) : Json(finding.types)},
          {"null_variables", finding.null_kind.empty() ? Json(nullptr) : Json(finding.null_kind)},
          {"present", question_json(finding.present)},
          {"made_here", made_here},
          {"weights_needed", needed},
          {"through_component", component},
          {"through_units", units}};
}

}  // namespace

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
