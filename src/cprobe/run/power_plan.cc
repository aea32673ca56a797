#include "cprobe/run/power_plan.h"

#include <algorithm>
#include <set>

#include "cprobe/evaluate/power.h"
#include "cprobe/evaluate/type_means.h"
#include "cprobe/probe/exchange.h"

namespace cprobe {
namespace {

/// Of some rows, the number of independent units that an interval counts.
/// @param of_rows  [n_rows] int64: the type of each row.
int64_t n_units(const at::Tensor& of_rows, const Types& types) {
  if (of_rows.size(0) == 0) return 0;
  const std::vector<TypeMean> means = type_means(at::zeros({of_rows.size(0)}, at::kDouble), of_rows, types);
  return interval_over_types(means, {}, {-1, 1}).n_types;
}

/// The types of the rows of question 1: those that no training row has if types are held out;
/// otherwise those whose value has an exemplar of another type.
at::Tensor types_judged(const RunData& data, const Dataset& set, const NullHypothesis& null) {
  const at::Tensor of_train = null.types.of_rows[place_of(data, data.train)];
  const at::Tensor of_rows = null.types.of_rows[place_of(data, set)];
  if (null.held_out.defined()) {
    return of_rows.index_select(0, rows_of_unseen_types(of_rows, of_train, null.held_out));
  }
  const at::Tensor value = null.types.value.contiguous();
  const auto value_of = [&](int64_t type) { return value.data_ptr<int64_t>()[type]; };
  std::map<int64_t, std::set<int64_t>> trained;  // Value -> types of training rows.
  const auto to_list = [](const at::Tensor& tensor) {
    const at::Tensor contiguous = tensor.contiguous();
    return std::vector<int64_t>(contiguous.data_ptr<int64_t>(), contiguous.data_ptr<int64_t>() + contiguous.numel());
  };
  for (const int64_t type : to_list(of_train)) trained[value_of(type)].insert(type);
  std::vector<int64_t> judged;
  for (const int64_t type : to_list(of_rows)) {
    const std::set<int64_t>& of_value = trained[value_of(type)];
    if (of_value.size() > (of_value.contains(type) ? 1U : 0U)) judged.push_back(type);
  }
  return at::tensor(judged, at::kLong);
}

/// What a question has for nulls.
struct Nulls {
  int64_t n = 0;        ///< That there are.
  int64_t n_asked = 0;  ///< That the spec asks for.
  bool are_random_sets = false;
  std::string_view key = {};  ///< Of the spec.
  double sd = 0;              ///< Assumed.
};

std::string nulls_problem(const Nulls& nulls, int64_t n_findings, Correction correction) {
  const int64_t least = least_nulls(n_findings, correction);
  if (nulls.n >= least) return {};
  const char* what = nulls.are_random_sets ? "random sets" : "null variables";
  if (nulls.n_asked == 0) return fmt::format("not tested, as {} is 0", nulls.key);
  if (nulls.n < nulls.n_asked) {
    return fmt::format("too few types: they allow {} {}, and a p of .05 takes {}", nulls.n, what, least);
  }
  if (nulls.n < kLeastNulls) return fmt::format("{} is {}, and a p of .05 takes {}", nulls.key, nulls.n, least);
  return fmt::format("by Holm's method {} findings take {} {} for a p of .05, and {} is {}", n_findings, least, what,
                     nulls.key, nulls.n);
}

class Planner {
 public:
  Planner(const Spec& spec, const RunData& data, const std::vector<Cell>& cells)
      : spec_(spec),
        data_(data),
        n_cells_(std::ssize(cells) / std::ssize(spec.grid.seeds) / std::ssize(spec.grid.variables)) {}

  std::vector<PlannedQuestion> plan() {
    for (const std::string& variable : spec_.grid.variables) {
      const NullHypothesis& null = data_.nulls.at(variable);
      const Nulls variables{.n = null.variables.n(),
                            .n_asked = spec_.probe.null_variables,
                            .key = "evaluate.null_variables",
                            .sd = kAssumedNullSd};
      for (const auto& [label, set] : judged_sets(data_, null.types)) {
        const int64_t n_types = n_units(types_judged(data_, *set, null), null.types);
        add("present", label, variable, n_types, variables);
        add("made here", label, variable, n_types, variables);
      }
      for (const auto& [label, set] : data_.evaluation_sets) {
        add("weights needed", label, variable, n_units(null.types.of_rows[place_of(data_, set)], null.types),
            random_sets(spec_.probe.ablation.n_random, "evaluate.random_controls", kAssumedRandomSd));
      }
      for (const auto& [label, set] : data_.evaluation_sets) {
        if (spec_.probe.exchange.n_rows == 0 || !null.types.has_variable[place_of(data_, set)]) continue;
        const std::optional<at::Tensor> types =
            types_exchanged(data_, label, set, null, spec_.probe.exchange, Seed(spec_.grid.seeds.front()));
        const int64_t n_types = types ? n_units(*types, null.types) : 0;
        add("through component", label, variable, n_types, variables, types.has_value());
        add("through units", label, variable, n_types,
            random_sets(spec_.probe.exchange.n_controls, "evaluate.exchange_controls", kAssumedUnitsSd),
            types.has_value());
      }
    }
    settle_families();
    for (Planned& one : planned_) judge(one);
    return merged();
  }

 private:
  struct Planned {
    PlannedQuestion question;
    Nulls nulls;
    bool has_donors = true;
  };

  static Nulls random_sets(int64_t n, std::string_view key, double sd) {
    return {.n = n, .n_asked = n, .are_random_sets = true, .key = key, .sd = sd};
  }

  void add(const char* question, const std::string& data, const std::string& variable, int64_t n_types,
           const Nulls& nulls, bool has_donors = true) {
    planned_.push_back({{.question = question,
                         .data = data,
                         .variables = {variable},
                         .n_types = n_types,
                         .n_nulls = nulls.n,
                         .null_sd = nulls.sd},
                        nulls,
                        has_donors});
  }

  static bool is_in_family(const Planned& one) {
    return one.has_donors && one.question.n_types > 0 && one.question.n_nulls >= kLeastNulls;
  }

  /// Sets the findings of each family, and the nulls that all of its findings have.
  void settle_families() {
    std::map<std::pair<std::string, std::string>, std::vector<Planned*>> families;
    for (Planned& one : planned_) {
      if (is_in_family(one)) families[{one.question.question, one.question.data}].push_back(&one);
    }
    for (const auto& [name, family] : families) {
      int64_t fewest = family.front()->question.n_nulls;
      for (const Planned* one : family) fewest = std::min(fewest, one->question.n_nulls);
      for (Planned* one : family) {
        one->question.n_findings = n_cells_ * std::ssize(family);
        if (spec_.probe.judge.correction == Correction::kMaxT) one->question.n_nulls = fewest;
      }
    }
  }

  void judge(Planned& one) const {
    PlannedQuestion& q = one.question;
    const JudgeOptions& rules = spec_.probe.judge;
    if (!one.has_donors) {
      q.problem = "not asked, as rows have no matched donors or continuations have several tokens";
      return;
    }
    if (q.n_types == 0) {
      q.problem = "not defined: no row has a type that the exemplars of its value do not have";
      return;
    }
    q.least_p = least_adjusted_p(q.n_nulls, q.n_findings, rules.correction);
    q.problem = nulls_problem(one.nulls, q.n_findings, rules.correction);
    if (!q.problem.empty()) return;
    q.least_effect = least_detectable({.n_types = q.n_types,
                                       .n_nulls = q.n_nulls,
                                       .n_cells = q.n_findings,
                                       .type_sd = kAssumedTypeSd,
                                       .null_sd = q.null_sd,
                                       .smallest_effect = rules.smallest_effect,
                                       .correction = rules.correction})
                         .effect();
    if (q.n_types < kLeastTypes) {
      q.problem =
          fmt::format("{} types: a yes is for these types only, and it takes {} for others", q.n_types, kLeastTypes);
    }
  }

  /// One entry for all variables with the same figures, in the order of the questions of a
  /// variable.
  std::vector<PlannedQuestion> merged() const {
    std::vector<PlannedQuestion> all;
    for (const Planned& one : planned_) {
      const auto same = std::ranges::find_if(all, [&](const PlannedQuestion& other) {
        PlannedQuestion of_same_variables = one.question;
        of_same_variables.variables = other.variables;
        return of_same_variables == other;
      });
      if (same == all.end()) {
        all.push_back(one.question);
      } else {
        same->variables.push_back(one.question.variables.front());
      }
    }
    return all;
  }

  const Spec& spec_;
  const RunData& data_;
  int64_t n_cells_;  ///< Of each variable, without seeds, which are one finding.
  std::vector<Planned> planned_;
};

}  // namespace

std::vector<PlannedQuestion> planned_questions(const Spec& spec, const RunData& data, const std::vector<Cell>& cells) {
  if (spec.probe.protocol == Protocol::kPaper || cells.empty()) return {};
  return Planner(spec, data, cells).plan();
}

}  // namespace cprobe
