#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string_view>

#include "cprobe/data/types.h"

namespace cprobe {

/// How null variables are made of a variable V.
enum class NullKind {
  /// V_b(x, y) = V(pi_b(x), sigma_b(y)) for permutations pi_b, sigma_b of the values of each part;
  /// sigma_b = pi_b if V is symmetric.
  kPermutedParts,
  kShuffledTypes,  ///< V's values shuffled over types: V is not known for all combinations of parts.
  /// V's values shuffled over rows, each of which is a type of its own: within each data set, and
  /// within the rows that several data sets share.
  kShuffledRows,
};
std::string_view to_string(NullKind kind);  ///< "permuted tokens", "shuffled types", "shuffled rows".

/// Variables with the structure of V, of no use to the model (docs/statistics.md).
struct NullVariables {
  NullKind kind = NullKind::kPermutedParts;
  at::Tensor values;  ///< [n, n_types] int64: value of each null variable at each type.

  int64_t n() const { return values.size(0); }
  /// The labels of rows. @param types  [n_rows] int64, as Types::of_rows. @return [n, n_rows].
  at::Tensor labels(const at::Tensor& types) const { return values.index_select(1, types); }
};

/// The types of a variable in the data sets of a run, and its null variables.
struct NullHypothesis {
  Types types;
  NullVariables variables;
  /// [n_types] bool: the types that masks and exemplars never see (held_out_types.h). Undefined:
  /// none are held out.
  at::Tensor held_out = {};
};

/// Makes null variables of a variable. Their permutations depend on the names of the parts and on
/// the number b of each, not on the variable: so other variables of the same parts, other
/// components, seeds and models get the same permutations. With blocks, values are shuffled within
/// blocks.
///
/// Null variables group the types in other ways than V, and than one another. A b that does not is
/// drawn again, from a stream of its own: the other b keep the permutations that they have for
/// other variables. Fewer than `n_wanted` come back if there are no more.
/// @param may_use  says whether labels of all types can be decoded, such as whether each class has
///                 two training tokens; null variables for which the answer is no are drawn again.
NullVariables null_variables(const Types& types, int64_t n_wanted,
                             const std::function<bool(const at::Tensor& values)>& may_use = {});

}  // namespace cprobe
