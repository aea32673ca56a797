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

/// A comparison method with its options. Holds no state: the same site gives the same figures.
class BaselineMethod {
 public:
  virtual ~BaselineMethod() = default;

  /// Every option that can change a figure, as text. Part of the identity of a result.
  virtual std::string settings() const = 0;

  /// Called before anything is computed.
  /// @throws Error (kInput) if the data set lacks something that the method needs, such as
  ///         counterfactual answers for the variable; names what is missing.
  virtual void check(const std::string& /*variable*/, const Dataset& /*data*/) const {}

  /// Runs the method. @return the figures, in a fixed order.
  /// @throws Error
  ///   - (kInput) if the data lack something that the method needs; names what is missing;
  ///   - (kInterrupted) between two steps once a stop is requested.
  virtual std::vector<Metric> run(const ProbedSite& probed, const OnProgress& on_progress) const = 0;
};

/// A row of the table of methods.
struct MethodEntry {
  /// Name in specs, on the command line and in the column `method`, such as "linear_probe".
  std::string_view name;
  std::string_view what;  ///< The method in a few words, with the source.
  /// The metric that answers the method's question. In metrics.csv, an evaluation set's label may
  /// follow this name.
  std::string_view headline;
  /// The metric that stands beside null variables, without the data set (beside_nulls.h), and the
  /// question that it answers, in words. Empty: the method answers no question.
  std::string_view tested = {};
  std::string_view question = {};
  bool on_gpu = true;    ///< False: the method trains the model itself, which only the CPU does.
  bool per_site = true;  ///< False: runs once per variable and seed, and looks at no site.
  /// Makes the method.
  /// @param options  the method's map in a spec; nullptr: all defaults.
  /// @throws Error (kInput) with file, line and column.
  std::unique_ptr<BaselineMethod> (*make)(const Document* options) = nullptr;
};

/// All methods (docs/adding_a_method.md says how to add one).
std::span<const MethodEntry> baseline_methods();
/// The method of that name; null if there is none.
const MethodEntry* find_method(std::string_view name);

}  // namespace cprobe
