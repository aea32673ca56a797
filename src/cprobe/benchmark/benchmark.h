#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/benchmark/plan.h"
#include "cprobe/benchmark/unit_ranking.h"
#include "cprobe/record/judged.h"
#include "cprobe/run/run_options.h"

namespace cprobe {

/// What a method says of one variable in one component of one planted model, beside the truth.
struct BenchmarkRow {
  std::string model;  ///< BenchmarkModel::name.
  std::string knob;   ///< BenchmarkModel::knob.
  std::string tier;
  std::map<std::string, std::string> knobs;  ///< Truth::knobs.
  /// A mask method, a comparison method, or one that needs no search: "unit_exchange",
  /// "gradient", "integrated_gradient", "random", "oracle".
  std::string method;
  std::string variable;
  PlantedStatus status = PlantedStatus::kAbsent;
  /// The component lies behind the one that computes the variable.
  bool is_received = false;
  ComponentRef component;
  bool is_true = false;               ///< The component is the one that computes the variable.
  UnitFigures units;                  ///< Set where `is_true`.
  std::optional<double> headline;     ///< The figure by which the method would choose a component.
  std::optional<double> share;        ///< Of the component's weights, in the circuit.
  std::optional<double> knn;          ///< Accuracy on other types.
  std::optional<double> selectivity;  ///< knn minus the mean of the null variables.
  std::optional<double> harm;         ///< Accuracy that ablation takes.
  std::optional<double> ceiling;      ///< Accuracy on other types of the whole component.
  std::optional<double> carried, left;
  std::optional<bool> chosen_by_v;  ///< Whether the units carry V more than those of null circuits.
  /// Questions of circuit probing. A comparison method's one answer is in the place of `present`.
  JudgedFinding answers;
  double seconds = 0;

  /// Nothing computes the variable: a yes of question 1 is wrong, and its p is uniform.
  bool is_nothing() const { return status == PlantedStatus::kAbsent || status == PlantedStatus::kCopied; }
};

struct BenchmarkOptions {
  std::filesystem::path out;
  RunOptions run;  ///< Of the runs. Of a shard or an MPI job: as compute_models. `out` is not used.
};

struct Benchmark {
  std::vector<BenchmarkRow> rows;  ///< Empty if models are left.
  std::vector<std::string> left;   ///< Names of the models that other processes are at.
};

/// Makes models, runs every method on them, and compares the answers with the truth. What an
/// earlier call with the same folder finished is not computed again.
///
///     OUT/models/m000         a planted model (docs/file_formats.md)
///     OUT/runs/m000/METHOD    run folder of a mask method; "compared": of the comparison methods
///     OUT/scores/m000.csv     figures of the methods that need no search
///     OUT/scores/m000_coordinates.csv  of output coordinates that comparison methods choose
///
/// @param models  by benchmark_models.
/// @throws Error as `run`; (kInput) if the folder holds models of another size or seed, or another
///         process is at work there and this one is no shard.
Benchmark run_benchmark(const std::vector<BenchmarkModel>& models, const BenchmarkOptions& options);

/// benchmark.csv: a line for each row, and the knobs as columns.
std::string benchmark_csv(const std::vector<BenchmarkRow>& rows);

}  // namespace cprobe
