#include "cprobe/report/page_data.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cprobe/baselines/baseline.h"
#include "cprobe/core/text.h"
#include "cprobe/report/control_runs.h"
#include "cprobe/report/finding_text.h"
#include "cprobe/report/page_frame.h"
#include "cprobe/report/phrases.h"
#include "cprobe/report/read_runs.h"
#include "cprobe/report/reported_findings.h"
#include "cprobe/report/reported_methods.h"
#include "cprobe/report/verdict.h"

namespace cprobe {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostCurvePoints = 30'000;  ///< For all curves together; about 25 bytes a point.
constexpr size_t kMostDraws = 200'000;       ///< For all nulls; about 6 bytes each.

Json count(const std::optional<int64_t>& value) {
  return value ? Json(*value) : Json();
}

/// [mean, sd]
Json figure(const Spread& spread) {
  return {page_number(spread.mean), page_number(spread.sd)};
}

Json figure(const std::optional<Spread>& spread) {
  return spread ? figure(*spread) : Json();
}

/// The JSON of each member of a list, by `json_of`.
template <typename T, typename JsonOf>
Json list(const std::vector<T>& members, const JsonOf& json_of) {
  Json array = Json::array();
  for (const T& member : members) array.push_back(json_of(member));
  return array;
}

Json numbers(const std::vector<double>& values) {
  return list(values, [](double value) { return page_number(value); });
}

/// Text of a spec -> index in the page's list of specs. Calls may share a spec.
using Specs = std::map<std::string, size_t>;

/// [label, accuracy of the untouched model, rows] of each evaluation set.
Json untouched_json(const ReportedCell& cell) {
  return list(cell.findings.evaluation_sets, [](const Findings::OnEvaluationSet& on) {
    return Json::array({on.label, page_number(on.untouched), on.n_rows});
  });
}

/// @param probed  a finished cell of circuit probing of the run; null if there is none.
Json run_json(const ReportedRun& run, const Specs& specs, const ReportedCell* probed) {
  const Json calls = list(run.calls, [&](const Invocation& call) -> Json {
    return {{"started", call.started},
            {"ended", call.ended},
            {"command", call.command},
            {"version", call.version},
            {"host", call.host},
            {"threads", call.n_threads},
            {"memory", count(call.peak_memory)},
            {"model", call.model},
            {"spec", call.spec.empty() ? Json() : Json(specs.at(call.spec))}};
  });
  const Json failed = list(run.failed, [](const CellEntry& cell) { return Json::array({cell.label, cell.error}); });
  return {{"name", run.name},
          {"folder", run.folder.string()},
          {"series", run.series},
          {"step", count(run.step)},
          {"done", run.n_done},
          {"planned", run.n_planned},
          {"failed", failed},
          {"seconds", page_number(run.seconds)},
          {"fingerprint", run.model_fingerprint},
          {"model", probed == nullptr ? "" : probed->settings.model},
          {"control", probed == nullptr ? "" : control_of(*probed)},
          {"task", probed == nullptr ? "" : probed->settings.task},
          {"untouched", probed == nullptr ? Json::array() : untouched_json(*probed)},
          {"calls", calls}};
}

/// What a question's nulls are, in words.
std::string_view nulls_of(Question question) {
  if (question == &JudgedFinding::present) return "null circuits";
  const bool beside_variables = question == &JudgedFinding::made_here || question == &JudgedFinding::through_component;
  return beside_variables ? "null variables" : "random sets";
}

/// "above all 19 null circuits"; "more harm than 30 of 39 random sets"; empty without a p.
std::string rank_of_answer(const ReportedSet& on, Question question) {
  return rank_words(on, question, question == &JudgedFinding::weights_needed ? "more harm than" : "above",
                    nulls_of(question));
}

/// One question over the runs behind a finding: the largest p and q, the outermost ends of
/// intervals.
Json answer_json(const ReportedFinding& f, const ReportedSet& on, Question question) {
  std::optional<double> p, q, lower, upper;
  for (const AnswersOfRun& of : on.answers) {
    const JudgedQuestion& asked = of.judged.*question;
    if (const auto shown = asked.shown_p_adjusted()) p = std::max(p.value_or(0), *shown);
    if (const auto shown = asked.shown_q()) q = std::max(q.value_or(0), *shown);
    if (asked.lower) lower = std::min(lower.value_or(*asked.lower), *asked.lower);
    if (asked.upper) upper = std::max(upper.value_or(*asked.upper), *asked.upper);
  }
  const bool is_yes =
      std::ranges::all_of(on.answers, [&](const AnswersOfRun& of) { return is_plain_yes(of.judged, question); });
  const bool names_position = question == &JudgedFinding::made_here && on.models.empty();
  return {{"answer", on.answer(question)},
          {"asked", on.is_asked(question)},
          {"short", names_position ? answers_text(f, on, question) : answer_counts(f, on, question)},
          {"words", answers_text(f, on, question)},
          {"yes", is_yes},
          {"overModels", on.over(question) != nullptr && on.over(question)->replication
                             ? page_number(on.over(question)->replication->p.p())
                             : Json()},
          {"p", page_number(p)},
          {"rank", rank_of_answer(on, question)},
          {"q", page_number(q)},
          {"lower", page_number(lower)},
          {"upper", page_number(upper)}};
}

Json presence_json(const ReportedPresence& presence, bool with_draws) {
  return {{"mask", figure(presence.mask)},
          {"component", figure(presence.component)},
          {"nulls", figure(presence.nulls)},
          {"nullDraws", numbers(with_draws ? presence.null_draws : std::vector<double>())},
          {"input", figure(presence.input)},
          {"inputAt", presence.input_position}};
}

Json ablation_json(const ReportedAblation& a, bool with_draws) {
  const auto draws = [&](const std::vector<double>& all) { return numbers(with_draws ? all : std::vector<double>()); };
  return {{"fill", to_string(a.fill)},
          {"notes", a.notes},
          {"rows", a.n_rows},
          {"untouched", figure(a.untouched)},
          {"ablated", figure(a.ablated)},
          {"random", figure(a.random)},
          {"nulls", figure(a.nulls)},
          {"complement", figure(a.complement)},
          {"onlyRandom", figure(a.only_random)},
          {"onlyRandomDraws", draws(a.only_random_draws)},
          {"component", figure(a.component)},
          {"controls", a.n_random},
          {"draws", draws(a.draws)},
          {"nullDraws", draws(a.null_draws)},
          {"complementP", numbers(a.complement_p)}};
}

Json set_json(const ReportedFinding& f, const ReportedSet& on, bool with_draws,
              const std::vector<ReportedFinding>& all) {
  Json in_controls = Json::array();
  for (const size_t i : f.in_controls) {
    const ReportedSet* there = all[i].on(on.data);
    if (there == nullptr) continue;
    in_controls.push_back({{"control", all[i].control},
                           {"answer", answer_of_control(all[i], *there)},
                           {"mask", there->presence ? figure(there->presence->mask) : Json()}});
  }
  std::vector<std::string> texts = {mask_text(f, on), presence_text(f, on), deletion_text(f, on),
                                    sufficiency_text(f, on), exchange_text(f, on)};
  std::erase(texts, "");
  return {{"data", on.data},
          {"runs", on.answers.size()},
          {"present", answer_json(f, on, &JudgedFinding::present)},
          {"madeHere", answer_json(f, on, &JudgedFinding::made_here)},
          {"needed", answer_json(f, on, &JudgedFinding::weights_needed)},
          {"sufficient", on.asks_sufficiency() ? answer_json(f, on, &JudgedFinding::sufficient) : Json()},
          {"inControls", in_controls},
          {"component", answer_json(f, on, &JudgedFinding::through_component)},
          {"units", answer_json(f, on, &JudgedFinding::through_units)},
          {"circuits", on.n_circuits()},
          {"presence", on.presence ? presence_json(*on.presence, with_draws) : Json()},
          {"ablation", on.ablation ? ablation_json(*on.ablation, with_draws) : Json()},
          {"text", fmt::format("{}", fmt::join(texts, " "))}};
}

Json finding_json(const ReportedFinding& f, bool with_draws, const std::vector<ReportedFinding>& all) {
  const auto json_of = [&](const ReportedSet& on) { return set_json(f, on, with_draws, all); };
  const JudgedFinding& judged = f.sets.front().answers.front().judged;
  return {{"series", f.series},
          {"step", count(f.step)},
          {"variable", f.variable},
          {"title", f.title},
          {"layer", f.layer},
          {"block", f.block},
          {"site", f.site},
          {"position", f.position},
          {"options", f.options},
          {"control", f.control},
          {"cells", f.cells},
          {"knn", figure(f.knn)},
          {"full", figure(f.full)},
          {"majority", page_number(f.majority)},
          {"tokens", f.n_tokens},
          {"share", figure(f.share)},
          {"empty", f.n_empty},
          {"whole", f.n_full},
          {"types", judged.types},
          {"nullKind", judged.null_kind},
          {"heldOut", judged.n_held_out},
          {"sets", list(f.sets, json_of)}};
}

/// A curve in columns. Records would repeat the names at every epoch.
Json curve_json(const std::vector<EpochRecord>& curve, size_t most) {
  Json json = {{"epoch", Json::array()}, {"loss", Json::array()}, {"kept", Json::array()}};
  for (const size_t i : thinned(curve.size(), most)) {
    json["epoch"].push_back(i + 1);
    json["loss"].push_back(page_number(curve[i].loss));
    json["kept"].push_back(curve[i].n_kept);
  }
  return json;
}

/// Shares, accuracies and standard errors of the circuits found at several L0 weights, and which of
/// them was chosen.
Json path_json(const Findings& findings) {
  Json json;
  for (const Findings::PathStep& step : findings.path) {
    if (step.is_chosen) json["chosen"] = json["share"].size();
    json["weight"].push_back(step.l0_weight);
    json["share"].push_back(static_cast<double>(step.n_weights) / static_cast<double>(findings.max_weights));
    json["accuracy"].push_back(page_number(step.accuracy));
    json["error"].push_back(page_number(step.standard_error));
  }
  return json;
}

Json cell_json(const ReportedCell& cell, size_t most_epochs) {
  Json json = {{"run", cell.run}, {"seed", cell.settings.cell.seed}};
  if (!cell.findings.path.empty()) json["path"] = path_json(cell.findings);
  if (!cell.curve.empty()) json["curve"] = curve_json(cell.curve, most_epochs);
  for (const MatrixPart& part : cell.matrices) json["matrices"].push_back({part.matrix, part.n_units, part.max_units});
  if (cell.heads) json["heads"] = {{"q", cell.heads->q}, {"k", cell.heads->k}, {"v", cell.heads->v}};
  return json;
}

Json overlap_json(const ReportData& data, const ReportedOverlap& pair) {
  const ReportedCell& first = data.cells[pair.first];
  const ReportedCell& second = data.cells[pair.second];
  const auto name = [&](const ReportedCell& cell) {
    std::string text = title_in(data.runs[cell.run].titles, cell.settings.cell.variable);
    if (first.settings.cell.seed != second.settings.cell.seed) text += fmt::format(" seed {}", cell.settings.cell.seed);
    if (first.settings.cell.position != second.settings.cell.position) {
      text += fmt::format(" {}", phrase_of(cell.settings.cell.position));
    }
    if (first.options != second.options) text += fmt::format(", {}", cell.options);
    return text;
  };
  const SharedCounts& units = pair.units.units;
  return {{"run", first.run},
          {"component", to_string(first.settings.cell.component)},
          {"first", name(first)},
          {"second", name(second)},
          {"variables", {first.settings.cell.variable, second.settings.cell.variable}},
          {"of", units.n},
          {"a", units.n_a},
          {"b", units.n_b},
          {"both", units.both},
          {"chance", page_number(pair.units.expected)},
          {"iou", page_number(units.iou())},
          {"more", page_number(pair.units.p_more)},
          {"fewer", page_number(pair.units.p_fewer)}};
}

Json figure_json(const ReportedFigure& f, const Titles& titles) {
  const Metric& m = f.row.metric;
  return {{"run", f.run},
          {"method", f.row.method},
          {"variable", f.row.variable},
          {"title", title_in(titles, f.row.variable)},
          {"site", f.row.site},
          {"seed", f.row.seed},
          {"position", f.row.position.is_last() ? Json() : Json(f.row.position)},
          {"metric", m.metric},
          {"value", page_number(m.value)},
          {"sd", page_number(m.sd)},
          {"n", m.n},
          {"control", m.control},
          {"p", page_number(m.p)},
          {"note", m.note}};
}

Json reported_method_json(const ReportedMethod& method, const Titles& titles) {
  const JudgedMethod& judged = method.judged;
  const JudgedQuestion& asked = judged.question();
  return {{"run", method.run},
          {"method", judged.method},
          {"question", find_method(judged.method)->question},
          {"variable", judged.finding.variable},
          {"title", title_in(titles, judged.finding.variable)},
          {"site", judged.site},
          {"position", judged.finding.position.is_last() ? Json() : Json(judged.finding.position)},
          {"metric", judged.metric},
          {"statistic", page_number(asked.statistic)},
          {"nulls", asked.null_mean ? Json::array({page_number(asked.null_mean), page_number(asked.null_sd)}) : Json()},
          {"p", page_number(asked.p_adjusted)},
          {"lower", page_number(asked.lower)},
          {"upper", page_number(asked.upper)},
          {"isolation", page_number(judged.isolation)},
          {"words", answer_words(judged)}};
}

bool is_same_question(const ReportedFinding& a, const ReportedFinding& b) {
  return a.series == b.series && a.step == b.step && a.variable == b.variable && a.options == b.options;
}

/// A verdict for each variable of each kind of run, with the indices of the findings behind it.
Json verdicts_json(const std::vector<ReportedFinding>& all) {
  Json verdicts = Json::array();
  std::vector<bool> seen(all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    if (seen[i]) continue;
    std::vector<const ReportedFinding*> same;
    Json places = Json::array();
    for (size_t j = i; j < all.size(); ++j) {
      if (seen[j] || !is_same_question(all[i], all[j])) continue;
      seen[j] = true;
      same.push_back(&all[j]);
      places.push_back(j);
    }
    Json texts = Json::object();
    for (const ReportedFinding* f : same) {
      for (const ReportedSet& on : f->sets) {
        if (!texts.contains(on.data)) texts[on.data] = verdict_text(same, on.data, all);
      }
    }
    verdicts.push_back(
        {{"variable", all[i].variable}, {"title", all[i].title}, {"findings", places}, {"texts", texts}});
  }
  return verdicts;
}

/// By what rules the runs are judged, in words; where runs differ, by which each of them.
std::string rules_text(const std::vector<ReportedRun>& runs) {
  std::vector<std::pair<std::string, std::vector<std::string>>> rules;  // Words, and names of runs.
  for (const ReportedRun& run : runs) {
    const std::string words = rules_words(run.judge);
    auto found = std::ranges::find(rules, words, &decltype(rules)::value_type::first);
    if (found == rules.end()) found = rules.emplace(rules.end(), words, std::vector<std::string>());
    found->second.push_back(run.name);
  }
  if (rules.empty()) return {};
  if (rules.size() == 1) return rules.front().first + ".";
  std::string text = "Runs are judged by rules of their own.";
  for (const auto& [words, names] : rules) text += fmt::format(" {}: {}.", fmt::join(names, ", "), words);
  return text;
}

}  // namespace

std::string page_json(const ReportData& data) {
  const auto n_curves = static_cast<size_t>(
      std::ranges::count_if(data.cells, [](const ReportedCell& cell) { return !cell.curve.empty(); }));
  const size_t most_epochs = std::clamp<size_t>(kMostCurvePoints / std::max<size_t>(1, n_curves), 2, 200);
  const std::vector<ReportedFinding> all = findings(data);
  Json json = {{"title", data.title}, {"notes", data.notes}, {"rules", rules_text(data.runs)}};
  size_t n_draws = 0;
  std::set<std::string> controls;
  for (const ReportedFinding& f : all) {
    controls.insert(f.control);
    for (const ReportedSet& on : f.sets) {
      if (on.presence) n_draws += on.presence->null_draws.size();
      if (!on.ablation) continue;
      n_draws += on.ablation->draws.size() + on.ablation->null_draws.size() + on.ablation->only_random_draws.size();
    }
  }
  const bool with_draws = n_draws <= kMostDraws;
  if (!with_draws) {
    json["notes"].push_back(
        fmt::format("The figures show mean and sd of null circuits and random sets, not all {}.", n_draws));
  }
  json["controls"] = Json::object();
  for (const std::string& control : controls) {
    if (!control.empty()) json["controls"][control] = runs_of_control(data, control) + control_text(control);
  }
  Specs specs;
  Json spec_texts = Json::array();
  for (const ReportedRun& run : data.runs) {
    for (const Invocation& call : run.calls) {
      if (!call.spec.empty() && specs.try_emplace(call.spec, specs.size()).second) spec_texts.push_back(call.spec);
    }
  }
  std::vector<const ReportedCell*> probed(data.runs.size());
  for (const ReportedCell& cell : data.cells) {
    if (probed[cell.run] == nullptr) probed[cell.run] = &cell;
  }
  json["runs"] = Json::array();
  for (size_t r = 0; r < data.runs.size(); ++r) json["runs"].push_back(run_json(data.runs[r], specs, probed[r]));
  json["findings"] = list(all, [&](const ReportedFinding& f) { return finding_json(f, with_draws, all); });
  json["cells"] = list(data.cells, [&](const ReportedCell& cell) { return cell_json(cell, most_epochs); });
  json["figures"] =
      list(data.figures, [&](const ReportedFigure& f) { return figure_json(f, data.runs[f.run].titles); });
  json["methods"] = list(reported_methods(data), [&](const ReportedMethod& method) {
    return reported_method_json(method, data.runs[method.run].titles);
  });
  json["overlaps"] = list(data.overlaps, [&](const ReportedOverlap& pair) { return overlap_json(data, pair); });
  json["specs"] = spec_texts;
  json["headlines"] = Json::object();
  for (const MethodEntry& method : baseline_methods()) json["headlines"][std::string(method.name)] = method.headline;
  json["verdicts"] = verdicts_json(all);
  return page_text(json);
}

}  // namespace cprobe
