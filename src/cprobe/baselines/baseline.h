#pragma once

#include <torch/types.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cprobe/core/progress.h"
#include "cprobe/core/seed.h"
#include "cprobe/data/dataset.h"
#include "cprobe/evaluate/metric.h"
#include "cprobe/io/document.h"
#include "cprobe/model/forward.h"

namespace cprobe {

/// One data set at the site that is probed.
struct ProbedSet {
  const Dataset& data;
  Stream stream;      ///< Of all its nodes at the site.
  at::Tensor nodes;   ///< [n_rows] int64: the probed token of each row.
  at::Tensor labels;  ///< [n_rows] int64: the variable's value. Undefined in a behaviour set without it.

  /// The states that methods read and replace, [n_rows, d_model]. They are on the CPU, as all that methods learn, wherever
  /// the model runs.
  at::Tensor states() const { return stream.at_nodes(nodes).cpu(); }
};

/// What every method is given: one variable at one site of the residual stream, with the tokens, splits and seed of the
/// spec. The data sets and the model belong to the caller.
struct ProbedSite {
  const Model& model;
  Site site;
  int64_t position = -1;  ///< Of the probed token in every row, as TokenTrie::nodes_at.
  std::string variable;
  ProbedSet train;
  ProbedSet test;
  /// Data sets on which task accuracy is measured, by label: "Test", "Same", "Different", "IID", ...
  std::vector<std::pair<std::string, ProbedSet>> behaviours;
  Seed seed{0};                 ///< Of this cell; a method derives its own streams from it.
  bool paper_protocol = false;  ///< Do as the reference implementation does where it is worse than the default.
};

/// A competing method with its options. It holds no state: the same site gives the same figures.
class BaselineMethod {
 public:
  virtual ~BaselineMethod() = default;

  /// Every option that can change a figure, as text: part of the identity of a result.
  virtual std::string settings() const = 0;

  /// Refuses a data set that lacks what the method needs, such as counterfactual answers for the variable, before anything
  /// is computed. @throws Error (kInput) saying what.
  virtual void check(const std::string& /*variable*/, const Dataset& /*data*/) const {}

  /// @return the figures, in a fixed order.
  /// @throws Error (kInput) if the data lack something that the method needs, saying what; (kInterrupted) between
  ///         two steps once a stop is requested.
  virtual std::vector<Metric> run(const ProbedSite& probed, const OnProgress& on_progress) const = 0;
};

/// A row of the table of methods.
struct MethodEntry {
  std::string_view name;      ///< "linear_probe": in specs, on the command line and in the column `method`.
  std::string_view what;      ///< In a few words, with the source.
  std::string_view headline;  ///< Of its metrics the one that answers the question; data sets may follow its name.
  bool on_gpu = true;         ///< False: the method trains the model itself, which only the CPU does.
  bool per_site = true;       ///< False: the method does not look at one site, and runs once per variable and seed.
  /// @param options the method's map in a spec; nullptr: all defaults. @throws Error (kInput) with file, line and column.
  std::unique_ptr<BaselineMethod> (*make)(const Document* options) = nullptr;
};

/// All methods (docs/adding_a_method.md says how to add one).
std::span<const MethodEntry> baseline_methods();

}  // namespace cprobe
