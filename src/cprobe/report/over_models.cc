#include "cprobe/report/over_models.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace cprobe {
namespace {

constexpr Question kQuestions[] = {&JudgedFinding::present, &JudgedFinding::made_here, &JudgedFinding::weights_needed,
                                   &JudgedFinding::through_component, &JudgedFinding::through_units};

/// Findings of the same models on one data set.
struct ModelsOfData {
  std::vector<ReportedSet*> sets;
  std::set<size_t> runs;
};

/// Whether the runs probed as many models, as far as fingerprints are known.
bool are_several_models(const std::set<size_t>& runs, const ReportData& data) {
  std::set<std::string> fingerprints;
  for (const size_t run : runs) {
    const std::string& fingerprint = data.runs[run].model_fingerprint;
    if (!fingerprint.empty() && !fingerprints.insert(fingerprint).second) return false;
  }
  return runs.size() > 1;
}

/// A finding in each of the runs; null where a run lacks it.
FindingOfModels in_each(const ReportedSet& on, const std::set<size_t>& runs) {
  FindingOfModels found;
  for (const size_t run : runs) {
    const auto answer = std::ranges::find(on.answers, run, &AnswersOfRun::run);
    found.push_back(answer == on.answers.end() ? nullptr : &answer->judged);
  }
  return found;
}

std::string missing_words(const FindingOfModels& finding, Question question) {
  const auto n_missing = std::ranges::count_if(
      finding, [&](const JudgedFinding* one) { return one == nullptr || !is_tested(*one, question); });
  return fmt::format("{} of {} models {} no such test", n_missing, finding.size(), n_missing == 1 ? "has" : "have");
}

void test_over_models(const ModelsOfData& group, const ReportData& data) {
  const JudgeOptions& rules = data.runs[*group.runs.begin()].judge;
  const bool have_rules_in_common =
      std::ranges::all_of(group.runs, [&](size_t run) { return data.runs[run].judge == rules; });
  std::vector<FindingOfModels> findings;
  for (ReportedSet* on : group.sets) {
    on->models.assign(group.runs.begin(), group.runs.end());
    findings.push_back(in_each(*on, group.runs));
  }
  for (const Question question : kQuestions) {
    std::vector<std::optional<Replication>> found(findings.size());
    if (have_rules_in_common) found = replications(findings, question, rules);
    for (size_t f = 0; f < findings.size(); ++f) {
      ReportedSet& on = *group.sets[f];
      // Nothing to say of a question that has no answer in any run.
      const bool is_answered_somewhere = std::ranges::any_of(
          findings[f], [&](const JudgedFinding* one) { return one != nullptr && is_answered(*one, question); });
      if (!is_answered_somewhere) continue;
      std::string why_not;
      if (!have_rules_in_common) {
        why_not = "the models are judged by different rules";
      } else if (!found[f]) {
        why_not = missing_words(findings[f], question);
      }
      on.over_models.push_back({question, found[f], why_not});
    }
  }
}

}  // namespace

void add_over_models(std::vector<ReportedFinding>& findings, const ReportData& data) {
  std::map<std::tuple<std::string, std::optional<int64_t>, std::string, std::string>, ModelsOfData> groups;
  for (ReportedFinding& finding : findings) {
    for (ReportedSet& on : finding.sets) {
      ModelsOfData& group = groups[{finding.series, finding.step, finding.control, on.data}];
      group.sets.push_back(&on);
      for (const AnswersOfRun& of : on.answers) group.runs.insert(of.run);
    }
  }
  for (const auto& [key, group] : groups) {
    if (are_several_models(group.runs, data)) test_over_models(group, data);
  }
}

}  // namespace cprobe
