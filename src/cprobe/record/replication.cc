#include "cprobe/record/replication.h"

#include <algorithm>
#include <limits>

#include "cprobe/core/error.h"
#include "cprobe/evaluate/statistics.h"

namespace cprobe {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// What the mean over models of a question's statistic minus the mean of its nulls can be.
Bounds range_of(const FindingOfModels& models, Question question) {
  const auto n = static_cast<double>(models.size());
  Bounds statistic{-1, 1};
  if (question == &JudgedFinding::present || question == &JudgedFinding::sufficient) statistic = {0, 1};
  double null_mean = 0, most = 0;
  for (const JudgedFinding* model : models) {
    null_mean += (model->*question).null_mean.value_or(0) / n;
    // What units carry is a share of what the whole component moves.
    most += (model->moved && *model->moved > 0 ? 1 / *model->moved : kInfinity) / n;
  }
  if (question == &JudgedFinding::through_units) statistic = {-most, most};
  return {statistic.lower - null_mean, statistic.upper - null_mean};
}

/// The interval of one model. @param judged  with an adjusted p.
Interval interval_of(const JudgedQuestion& judged) {
  const double mean = judged.statistic.value_or(0) - judged.null_mean.value_or(0);
  return {.mean = mean,
          .lower = judged.lower.value_or(mean),
          .upper = judged.upper.value_or(mean),
          .n_types = judged.n_types,
          .is_approximate = judged.is_approximate,
          .is_for_these_types_only = judged.is_for_these_types_only};
}

}  // namespace

bool is_tested(const JudgedFinding& finding, Question question) {
  const JudgedQuestion& judged = finding.*question;
  return judged.answer != VerdictWord::kNotDefined && judged.p_adjusted && judged.statistic && !judged.nulls.empty();
}

bool is_answered(const JudgedFinding& finding, Question question) {
  return is_tested(finding, question) && (finding.*question).answer != VerdictWord::kNotTested;
}

std::vector<std::optional<Replication>> replications(const std::vector<FindingOfModels>& findings, Question question,
                                                     const JudgeOptions& options) {
  std::vector<std::optional<Replication>> all(findings.size());
  std::vector<size_t> tested;
  for (size_t f = 0; f < findings.size(); ++f) {
    const bool in_all = std::ranges::all_of(
        findings[f], [&](const JudgedFinding* finding) { return finding != nullptr && is_tested(*finding, question); });
    if (in_all) tested.push_back(f);
  }
  if (tested.empty()) return all;
  const size_t n_models = findings[tested.front()].size();
  for (const size_t f : tested) {
    if (findings[f].size() != n_models)
      throw failure("replication: one finding of {} models, another of {}", n_models, findings[f].size());
  }
  const int64_t n_with_effect = most_of(static_cast<int64_t>(n_models));
  std::vector<std::vector<BesideNulls>> models(n_models);
  for (const size_t f : tested) {
    for (size_t m = 0; m < n_models; ++m) {
      const JudgedQuestion& judged = findings[f][m]->*question;
      models[m].push_back({*judged.statistic, judged.nulls});
    }
  }
  const std::vector<CountedP> p = replicated(models, n_with_effect, options);
  for (size_t i = 0; i < tested.size(); ++i) {
    Replication& found = all[tested[i]].emplace(Replication{.n_models = static_cast<int64_t>(n_models),
                                                            .n_with_effect = n_with_effect,
                                                            .p = p[i],
                                                            .n_findings = std::ssize(tested)});
    std::vector<Interval> within;
    for (const JudgedFinding* finding : findings[tested[i]]) {
      found.values.push_back((finding->*question).statistic.value_or(0));
      within.push_back(interval_of(finding->*question));
    }
    found.interval = interval_over_models(within, range_of(findings[tested[i]], question));
  }
  return all;
}

std::string p_words(const Replication& replication) {
  const std::string number = p_number(replication.p.p());
  return fmt::format("p({} of {} models) {}{}", replication.n_with_effect, replication.n_models,
                     number.starts_with('<') ? "" : "= ", number);
}

}  // namespace cprobe
