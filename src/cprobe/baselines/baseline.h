#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/core/progress.h"
#include "cprobe/evaluate/metric.h"
#include "cprobe/evaluate/probed_site.h"
#include "cprobe/io/document.h"

namespace cprobe {

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
