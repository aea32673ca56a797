#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cprobe/record/judged_words.h"

namespace cprobe {

/// A question about one finding in several models that were trained apart (docs/statistics.md,
/// "p(u of n models)").
struct Replication {
  int64_t n_models = 0;
  int64_t n_with_effect = 0;   ///< u, by default the smallest majority (most_of).
  CountedP p;                  ///< Of the null hypothesis that fewer than u models have an effect.
  int64_t n_findings = 0;      ///< Findings of each model in the family.
  std::vector<double> values;  ///< The statistic in each model.
  /// Over models, of the statistic minus the mean of its nulls. None for two models.
  std::optional<Interval> interval;

  friend bool operator==(const Replication&, const Replication&) = default;
};

/// A finding in each of several models; null where a model lacks it.
using FindingOfModels = std::vector<const JudgedFinding*>;

/// Whether a question about a finding has what a test over models needs: it is defined, and has an
/// adjusted p. Its answer may be kNotTested as the variable is not present, because a family of
/// those that are present would be chosen by the same variable.
bool is_tested(const JudgedFinding& finding, Question question);
/// Whether it is tested, and has an answer.
bool is_answered(const JudgedFinding& finding, Question question);

/// Tests a question over models. The family is all findings that every model was tested on.
/// @param findings  of one data set; all of the same models, two and more.
/// @param options   by which all models are judged.
/// @return          in the order of `findings`; none for one that some model was not tested on.
/// @throws Error (kFailed) if findings have different numbers of models.
std::vector<std::optional<Replication>> replications(const std::vector<FindingOfModels>& findings, Question question,
                                                     const JudgeOptions& options);

/// "p(2 of 3 models) = 0.050"; "p(2 of 3 models) < 0.001".
std::string p_words(const Replication& replication);

}  // namespace cprobe
