#include "cprobe/report/verdict.h"

#include <algorithm>
#include <iterator>

#include "cprobe/core/error.h"
#include "cprobe/report/control_runs.h"
#include "cprobe/report/phrases.h"

namespace cprobe {
namespace {

/// "yes (L0.attn); no (L0.mlp, L1.mlp)": answers with the components that have each, in the order
/// of appearance. Many components are counted.
class AnswerGroups {
 public:
  void add(const std::string& answer, const std::string& name) {
    auto found = std::ranges::find(groups_, answer, &Group::answer);
    if (found == groups_.end()) {
      groups_.push_back({answer, {}});
      found = std::prev(groups_.end());
    }
    found->names.push_back(name);
  }
  size_t size() const { return groups_.size(); }
  std::string text() const {
    std::vector<std::string> texts;
    for (const auto& [answer, names] : groups_) {
      texts.push_back(fmt::format("{} ({})", answer, sites_text(names)));
    }
    return fmt::format("{}", fmt::join(texts, "; "));
  }

 private:
  struct Group {
    std::string answer;
    std::vector<std::string> names;
  };
  std::vector<Group> groups_;
};

/// "in 1 of 2 components", "in both components"; of one component nothing, as its name follows.
std::string in_components(int64_t n, int64_t of) {
  if (n < of) return fmt::format("in {} of {} components", n, of);
  return of == 2 ? "in both components" : fmt::format("in all {} components", of);
}

using Places = std::vector<std::pair<const ReportedFinding*, const ReportedSet*>>;

/// Begins the verdict: in how many components the variable is present, and where most.
std::string presence_verdict(const std::string& title, const Places& places) {
  const auto n_all = std::ssize(places);
  Places present;
  std::ranges::copy_if(places, std::back_inserter(present),
                       [](const auto& place) { return is_present_somewhere(*place.second); });
  const bool is_one_model = std::ranges::all_of(
      places, [](const auto& place) { return place.second->answers.size() == 1 && place.second->models.empty(); });
  const std::string_view in_model = is_one_model ? " in this model" : "";
  const auto all_have = [&](std::string_view word) {
    return std::ranges::all_of(
        places, [&](const auto& place) { return place.second->answer(&JudgedFinding::present) == word; });
  };
  if (present.empty()) {
    std::vector<std::string> beyond_chance;
    for (const auto& [f, on] : places) {
      const bool is_there = std::ranges::any_of(on->answers, [](const AnswersOfRun& of) {
        return of.judged.present.answer == VerdictWord::kYes && has_weak_nulls(of.judged);
      });
      if (is_there) beyond_chance.push_back(f->site);
    }
    if (!beyond_chance.empty()) {
      return fmt::format("{} is told beyond chance in {}, which is less than present: its null variables are {}.",
                         title, fmt::join(beyond_chance, ", "),
                         places.front().second->answers.front().judged.null_kind);
    }
    if (all_have("not tested")) return fmt::format("Whether {} is present was not tested.", title);
    double most = -1;
    for (const auto& [f, on] : places) {
      for (const AnswersOfRun& of : on->answers) most = std::max(most, of.judged.present.upper.value_or(-1));
    }
    const std::string found = most >= 0 ? fmt::format(": this search finds at most {}", number_text_of(most)) : "";
    if (std::ranges::all_of(places, [](const auto& place) { return place.first->is_empty(); })) {
      return fmt::format("The search kept nothing for {}, which says nothing of other searches.", title);
    }
    if (all_have("no")) return fmt::format("Nothing tells {} above its null variables{}{}.", title, in_model, found);
    const std::string probed =
        n_all == 1 ? "the only component probed" : fmt::format("the {} components probed", n_all);
    if (all_have("undecided"))
      return fmt::format("Whether {} is present{} is undecided in {}.", title, in_model, probed);
    if (all_have("cannot tell")) {
      return fmt::format("Whether {} is present{} cannot be told in {}, as null variables leave no room.", title,
                         in_model, probed);
    }
    return fmt::format("{} was not found to be present{}, in {}.", title, in_model, probed);
  }
  const auto most = std::ranges::max_element(
      present, {}, [](const auto& place) { return place.second->presence ? place.second->presence->mask.mean : -1; });
  const std::string& site = most->first->site;
  const std::string where = n_all == 1 ? fmt::format("in {}, the only component probed", site)
                                       : fmt::format("{}, most in {}", in_components(std::ssize(present), n_all), site);
  return fmt::format("{} is present{} {}: {}.", title, is_one_model ? " in this model," : "", where,
                     presence_figures(*most->second));
}

}  // namespace

std::string verdict_text(const std::vector<const ReportedFinding*>& findings, const std::string& data,
                         const std::vector<ReportedFinding>& all) {
  Places places;
  for (const ReportedFinding* f : findings) {
    if (const ReportedSet* on = f->on(data)) places.emplace_back(f, on);
  }
  if (places.empty()) return fmt::format("Nothing was measured on {}.", data);
  AnswerGroups present, made_here, needed, sufficient, component, units;
  for (const auto& place : places) {
    const ReportedFinding& f = *place.first;
    const ReportedSet& on = *place.second;
    const auto short_answer = [&](Question question) {
      const bool is_short = question != &JudgedFinding::made_here && on.models.empty();
      return is_short ? answer_counts(f, on, question) : answers_text(f, on, question);
    };
    present.add(short_answer(&JudgedFinding::present), f.site);
    if (is_present_somewhere(on)) made_here.add(short_answer(&JudgedFinding::made_here), f.site);
    if (!f.is_empty()) needed.add(short_answer(&JudgedFinding::weights_needed), f.site);
    if (!f.is_empty() && on.asks_sufficiency()) sufficient.add(short_answer(&JudgedFinding::sufficient), f.site);
    for (const auto& [question, groups] :
         {std::pair(&JudgedFinding::through_component, &component), std::pair(&JudgedFinding::through_units, &units)}) {
      if (on.is_asked(question)) groups->add(short_answer(question), f.site);
    }
  }
  std::string text = presence_verdict(findings.front()->title, places);
  const auto add = [&](const std::string& question, const AnswerGroups& groups) {
    const std::string answers = groups.text();
    if (!answers.empty()) text += fmt::format(" {}: {}.", question, answers);
  };
  // A single word is said already.
  if (present.size() > 1 || places.front().second->answers.size() > 1) add("Present", present);
  add("Made here", made_here);
  add(fmt::format("Weights needed on {}", data), needed);
  add(fmt::format("Weights suffice on {}", data), sufficient);
  add("Through the component", component);
  add("Through the units", units);
  return joined({text, controls_verdict(findings, all, data)}, " ");
}

}  // namespace cprobe
