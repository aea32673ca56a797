#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "cprobe/benchmark/benchmark.h"

namespace cprobe::testing {

/// What hard concrete masks say of one model, and methods beside them: `v`, used, and `table`,
/// absent, in the component that computes `v`.
struct MadeModel {
  std::string name = "m000";
  std::string knob = "default";
  std::map<std::string, std::string> knobs = {
      {"component", "L0.mlp"}, {"distractor_gain", "1"}, {"gain", "1"}, {"noise", "0.02"}, {"one_operand", "false"}};
  double auroc = .9;
  bool finds = true;      ///< `v` is called present.
  double p_of_table = 1;  ///< Of question 1, beside 19 null variables.
};

inline std::vector<BenchmarkRow> made_rows(const std::vector<MadeModel>& models) {
  std::vector<BenchmarkRow> rows;
  for (const MadeModel& model : models) {
    const BenchmarkRow common{.model = model.name,
                              .knob = model.knob,
                              .tier = "compiled",
                              .knobs = model.knobs,
                              .component = parse_component(model.knobs.at("component"))};
    BenchmarkRow used = common;
    used.method = "hard_concrete";
    used.variable = "v";
    used.status = PlantedStatus::kUsed;
    used.is_true = true;
    used.units = {.auroc = model.auroc, .precision = model.auroc, .recall = 1};
    used.headline = .5;
    used.answers.present = {.answer = model.finds ? VerdictWord::kYes : VerdictWord::kNo, .statistic = .9, .p = .05};
    BenchmarkRow absent = common;
    absent.method = "hard_concrete";
    absent.variable = "table";
    absent.answers.present = {.answer = model.p_of_table <= .05 ? VerdictWord::kYes : VerdictWord::kNo,
                              .statistic = .2,
                              .n_null = 19,
                              .p = model.p_of_table};
    BenchmarkRow oracle = used;
    oracle.method = "oracle";
    oracle.units = {.auroc = 1};
    oracle.answers = {};
    BenchmarkRow probe = absent;
    probe.method = "linear_probe";
    BenchmarkRow of_coordinates = used;
    of_coordinates.method = "linear_probe";
    of_coordinates.units = {.auroc = .95};
    BenchmarkRow other = absent;
    other.method = "mlp_probe";
    rows.insert(rows.end(), {used, absent, oracle, probe, of_coordinates, other});
  }
  return rows;
}

}  // namespace cprobe::testing
