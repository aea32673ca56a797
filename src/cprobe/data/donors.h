#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/data/types.h"

namespace cprobe {

/// In what a row's donors differ from the row. All have as many tokens as the row.
enum class DonorKind {
  kTokens,  ///< In the tokens of their type, at known positions.
  /// In the words of their type: the sentence with the words of another type in place of its own,
  /// with as many tokens in that place and the same tokens around it.
  kWords,
  /// As kWords, and the donor of another value is of the row's own block: another form of the same
  /// noun. The donor of the same value is of any other type.
  kForms,
  /// Donors are other rows of the data set: they differ in more than their type.
  kRows,
};
inline constexpr std::array kAllDonorKinds = {DonorKind::kTokens, DonorKind::kWords, DonorKind::kForms,
                                              DonorKind::kRows};
/// "tokens of the type", "words of the type", "words of the type, other values within the block",
/// "other rows of the same length".
std::string_view to_string(DonorKind kind);

/// Some rows of a data set, each with two donors.
struct DonorRows {
  DonorKind kind = DonorKind::kTokens;
  at::Tensor rows;  ///< [n] int64, ascending: numbers of rows of the data set.
  std::vector<std::vector<int64_t>> base;
  /// A donor of another type with the same value, and one with another value.
  std::vector<std::vector<int64_t>> same_value, other_value;
};

/// The kinds of donors that types allow in a data set, the closest first. None: types are columns
/// of rows of tokens, or such rows themselves.
std::vector<DonorKind> donor_kinds(const Dataset& data, const Types& types);

/// Draws rows and their donors. Types are those of the data set's own rows. A row is not drawn if
///   - no donor of its value and another type exists, or none of another value;
///   - (kWords, kForms) its type's words are not in the sentence, or a column's words are there
///     twice. Words count only where no letter or digit is next to them.
/// A type is no donor of a row if its words are elsewhere in the sentence already.
/// @param set       place of the data set in `types.of_rows`.
/// @param values    [n_types] int64: the variable's values, or those of a null variable.
/// @param n_rows    at most.
/// @param kind      one of `donor_kinds`.
/// @return          none if no row has both donors.
std::optional<DonorRows> donor_rows(const Dataset& data, size_t set, const Types& types, const at::Tensor& values,
                                    int64_t n_rows, Seed seed, DonorKind kind);

}  // namespace cprobe
