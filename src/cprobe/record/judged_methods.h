#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/record/judged_words.h"

namespace cprobe {

/// What a comparison method says of one variable at one site and position on one data set: the
/// cells that differ in seeds only.
struct JudgedMethod {
  std::string method;
  std::string site;                ///< "L0.mid".
  std::string metric;              ///< The metric of the figure, such as "type_accuracy Test".
  std::vector<std::string> cells;  ///< Identities, at least one.
  /// Its component is the one before the site. The method's answer is in the place of `present`,
  /// whatever the method asks (MethodEntry::question).
  JudgedFinding finding;
  /// Share of rows whose answer stays where it should (beside_nulls.h); mean over seeds.
  std::optional<double> isolation;

  const JudgedQuestion& question() const { return finding.present; }
};

/// Judges the cells of comparison methods of one run, method by method and data set by data set, by
/// the rules of docs/statistics.md#comparison-methods. A family is all that one method says on one
/// data set. Cells without a figure beside null variables have the answer `kNotTested` on "Test":
/// those of protocol paper, of earlier versions, and with no null variables. Methods that answer no
/// question are left out.
/// @param figures  lines of metrics.csv, those of a cell next to each other; circuit probing's are
///                 passed over.
/// @param rules    by method, as Store::rules; a method that is not there has the defaults.
std::vector<JudgedMethod> judged_methods(const std::vector<RecordedMetric>& figures,
                                         const std::map<std::string, JudgeOptions>& rules = {});

/// The answer for columns: as `answer_word` of judged_words.h, except for "too few null variables".
std::string answer_word(const JudgedMethod& judged);

/// The same with what belongs to the answer, such as "no: this search finds at most 0.031".
std::string answer_words(const JudgedMethod& judged);

}  // namespace cprobe
