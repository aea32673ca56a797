#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cprobe/data/dataset.h"

namespace cprobe {

/// The words in front of a column of a token CSV that names the tokens on which a variable depends:
/// "type_of_var_0" holds "0" or "0 1", positions from 0, the same in every row.
inline constexpr std::string_view kTypeColumnPrefix = "type_of_";

/// What a spec says about types. Empty: the data sets' own columns say it (`type_of_VARIABLE` for
/// tokens, `type` for sentences), and else `find_types` looks for positions.
struct TypeOptions {
  /// A column of the data (its text is the part), or a token's position in each row.
  using Part = std::variant<std::string, int64_t>;
  std::vector<Part> parts;
  std::string block;  ///< Column; empty: no blocks.
};

/// A part of a row that is no token: a column's field, or a word of a sentence.
struct WordPart {
  std::string column;  ///< Empty: a word.
  int64_t word = 0;    ///< Position of the word, from 0, or from the end if negative.
};

/// The words of a sentence, as types count them: what white space divides. Each is a view of the
/// text.
std::vector<std::string_view> words_of(std::string_view text);

/// What a variable depends on in each row (docs/statistics.md). The *parts* of a row are
/// tokens, words or fields of columns; rows whose parts are all equal have the same *type*.
/// Numbers of types, parts and blocks mean the same in all data sets.
struct Types {
  std::vector<std::string> parts;   ///< "token 0", "word 1", "column noun". Empty: each row is its own type.
  std::vector<int64_t> positions;   ///< Of the parts, if they are tokens; else empty.
  std::vector<WordPart> words;      ///< The parts, if they are words or columns; else empty.
  at::Tensor part_of_type;          ///< [n_types, n_parts] int64: number of each part's value, from 0.
  std::vector<int64_t> n_values;    ///< [n_parts]: distinct values of each part.
  at::Tensor value;                 ///< [n_types] int64: the variable's value. 0 where `is_known` is false.
  at::Tensor is_known;              ///< [n_types] bool: whether a data set has the variable in a row of the type.
  at::Tensor block;                 ///< [n_types] int64, from 0; undefined without blocks.
  std::vector<at::Tensor> of_rows;  ///< Per data set, [n_rows] int64: type of each row.
  /// Per data set: whether the set has the variable. False also where a variable of the same name
  /// is another function of the types, as in the data of another task.
  std::vector<bool> has_variable;

  int64_t n_types() const { return value.size(0); }
  bool are_rows() const { return parts.empty(); }  ///< Whether each row is a type of its own.
  /// "token 0", "tokens 0 and 1", "column noun"; "each row" if `are_rows`.
  std::string text() const;
};

/// The types of a variable's rows, in order of preference:
///   - the parts of `options`;
///   - the parts that the data name themselves, if the variable is a function of these in the first
///     two sets, training and test; of the others, those that contradict do not have the variable;
///   - a column whose word is probed, if the variable is a function of it as above;
///   - the smallest set of tokens (words, if the rows are sentences) of which the variable is a
///     function in all rows, with 5 rows of each type or more on average: at most 3 tokens or 2
///     words, counted from the start or from the end of the row;
///   - otherwise, each row is a type of its own; rows of equal tokens are one type, if the variable
///     has one value in all of them.
/// @param sets  data sets of a run; those without the variable take part only in the numbering.
/// @throws Error (kInput) if
///   - the variable is no function of the parts of `options` (names two rows);
///   - several smallest sets fit (names them, and says how to choose);
///   - a column or a token does not exist, or a type's rows lie in two blocks.
Types find_types(std::span<const Dataset* const> sets, const std::string& variable, const TypeOptions& options = {});

}  // namespace cprobe
