#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/core/seed.h"
#include "cprobe/model/address.h"
#include "cprobe/tasks/arithmetic_data.h"

namespace cprobe {

/// What a planted model answers. V is the variable that is looked for. U_1, U_2, ... are others.
enum class PlantedAnswer {
  kDirect,    ///< V.
  kCombined,  ///< V + U_1 modulo the classes, which an MLP behind V's component computes.
  kOther,     ///< U_1. V is idle.
};
inline constexpr std::array kPlantedAnswers = {PlantedAnswer::kDirect, PlantedAnswer::kCombined, PlantedAnswer::kOther};
std::string_view to_string(PlantedAnswer answer);  ///< "direct", "combined", "other".

/// Kinds of token that may stand before the operands. Their ids follow that of `=`, the first id
/// that is neither an operand nor an answer.
inline constexpr int64_t kContextTokens = 8;

/// What rows and functions to make.
struct PlantedRowsOptions {
  ComponentRef component;       ///< Computes V.
  int64_t n_operands = 11;      ///< Values of each of the two operands.
  int64_t n_classes = 7;        ///< Values of V and of each U; of a function of one operand, two operands each.
  int64_t context = 1;          ///< Tokens before the operands.
  bool v_is_of_pairs = true;    ///< V is a function of both operands, not of one.
  bool us_are_of_pairs = true;  ///< So is each U.
  int64_t n_us = 0;             ///< Number of U.
  PlantedAnswer answer = PlantedAnswer::kDirect;
};

/// The functions and rows of a planted model.
struct PlantedRows {
  /// A function of the operands.
  struct Function {
    std::string name;
    /// The value for each pair of operands, a * n_operands + b; or for each value of one operand.
    std::vector<int64_t> of_domain;
    bool is_of_pairs = true;
    bool is_of_copied = false;  ///< Of an operand that the model copies, and a hypothesis for that reason.
  };

  ComponentRef component;                    ///< Computes V.
  bool is_of_pairs = true;                   ///< V is of both operands.
  int64_t operand = 0;                       ///< Which operand functions of one operand are of: 0 or 1.
  std::vector<Function> functions;           ///< V, then each U.
  std::vector<Function> not_computed;        ///< All other hypotheses.
  std::vector<std::vector<int64_t>> tokens;  ///< All rows, training rows first.
  std::vector<std::vector<int64_t>> values;  ///< Per row, the values of V and of each U.
  std::vector<int64_t> sources;              ///< Per row, the number of the row that `table` pairs it with.
  ArithmeticTable table;                     ///< The same rows with their variables.

  int64_t n_domain() const { return static_cast<int64_t>(functions.front().of_domain.size()); }
  /// Whether the answer depends on function `f`.
  bool is_used(size_t f, PlantedAnswer answer) const;
};

/// The answer, given the values of V and of each U.
int64_t planted_answer(PlantedAnswer answer, const std::vector<int64_t>& values, int64_t n_classes);

/// Draws the functions of a planted model, and makes its rows.
///
/// *Hypotheses.* `v`; `u1`, `u2`, ...; `merged`: neighbouring values of an operand made one;
/// `table_1`, `table_2`: random functions of both operands; `partition`: a random function of one.
/// Classes are as equal in size as can be, and all of these differ as partitions.
///
/// *Rows.* Context, then `a b =`. For each pair of operands two rows in the training set and one in
/// the test set, with other tokens before them. Without context, one row: 60 % of the pairs are in
/// the training set.
/// @throws Error (kInput) if there are too few ways to group the operands.
PlantedRows planted_rows(const PlantedRowsOptions& options, Seed seed);

/// Refuses a knob with a wrong value.
/// @param model  what has the knob, such as "a compiled model".
/// @throws Error (kInput) naming the knob unless `holds`.
void require_knob(bool holds, std::string_view model, std::string_view knob, std::string_view why);

}  // namespace cprobe
