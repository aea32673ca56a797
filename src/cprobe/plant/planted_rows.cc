#include "cprobe/plant/planted_rows.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "cprobe/core/error.h"
#include "cprobe/data/counterfactual.h"
#include "cprobe/data/types.h"
#include "cprobe/plant/partitions.h"

namespace cprobe {
namespace {

using Values = std::vector<int64_t>;
using Function = PlantedRows::Function;

constexpr double kTrainShare = 0.6;  // Of the pairs of operands, without context.
// Rows of each pair of operands, if tokens stand before them.
constexpr int64_t kTrainRows = 2, kTestRows = 1;

struct Row {
  Values tokens;
  Values variables;  ///< Of all functions, in order.
  int64_t answer = 0;
};

/// The answer in reverse Polish notation if one variable came from another row. The formula names
/// that variable even where the answer does not depend on it.
std::string formula_of(const std::string& exchanged, PlantedAnswer answer) {
  const std::string source = std::string(kSourcePrefix) + exchanged;
  std::vector<std::string> read = answer == PlantedAnswer::kDirect  ? std::vector<std::string>{"v"}
                                  : answer == PlantedAnswer::kOther ? std::vector<std::string>{"u1"}
                                                                    : std::vector<std::string>{"v", "u1"};
  const bool depends = std::ranges::count(read, exchanged) > 0;
  std::ranges::replace(read, exchanged, source);
  std::string formula = fmt::format("{}", fmt::join(read, " "));
  if (read.size() == 2) formula += " +";
  if (!depends) formula += fmt::format(" {} {} - +", source, source);
  return formula;
}

/// The source of each row of a split: a random cycle through the rows pairs each with the next.
Values drawn_sources(size_t n_rows, Seed seed) {
  const Values cycle = shuffled(static_cast<int64_t>(n_rows), seed);
  Values sources(n_rows);
  for (size_t i = 0; i < n_rows; ++i) sources[static_cast<size_t>(cycle[i])] = cycle[(i + 1) % n_rows];
  return sources;
}

/// The records of one split.
std::vector<std::vector<std::string>> records(std::span<const Row> rows, const Values& sources,
                                              const std::vector<std::string>& names, const PlantedRowsOptions& options,
                                              const std::vector<std::string>& type_fields) {
  std::vector<std::string> formulas;
  std::vector<Counterfactual> answers;
  for (const std::string& name : names) {
    formulas.push_back(formula_of(name, options.answer));
    answers.emplace_back(formulas.back(), names, name);
  }
  std::vector<std::vector<std::string>> records;
  for (size_t r = 0; r < rows.size(); ++r) {
    const Row& row = rows[r];
    const Row& paired = rows[static_cast<size_t>(sources[r])];
    std::vector<std::string>& record = records.emplace_back();
    record = {std::to_string(r), fmt::format("{}", fmt::join(row.tokens, " ")), std::to_string(row.answer),
              fmt::format("{}", fmt::join(paired.tokens, " "))};
    for (size_t f = 0; f < names.size(); ++f) {
      record.push_back(std::to_string(row.variables[f]));
      record.push_back(std::to_string(paired.variables[f]));
    }
    for (size_t f = 0; f < names.size(); ++f) {
      record.push_back(std::to_string(answers[f].evaluate(row.variables, paired.variables, options.n_classes)));
      record.push_back(formulas[f]);
    }
    record.insert(record.end(), type_fields.begin(), type_fields.end());
  }
  return records;
}

}  // namespace

std::string_view to_string(PlantedAnswer answer) {
  switch (answer) {
    case PlantedAnswer::kDirect:
      return "direct";
    case PlantedAnswer::kCombined:
      return "combined";
    case PlantedAnswer::kOther:
      return "other";
  }
  throw failure("an answer without a name");
}

int64_t planted_answer(PlantedAnswer answer, const std::vector<int64_t>& values, int64_t n_classes) {
  switch (answer) {
    case PlantedAnswer::kDirect:
      return values.at(0);
    case PlantedAnswer::kCombined:
      return (values.at(0) + values.at(1)) % n_classes;
    case PlantedAnswer::kOther:
      return values.at(1);
  }
  throw failure("an answer without a name");
}

void require_knob(bool holds, std::string_view model, std::string_view knob, std::string_view why) {
  if (!holds) throw input_error("{}'s knob '{}': {}", model, knob, why);
}

bool PlantedRows::is_used(size_t f, PlantedAnswer answer) const {
  return f == 0 ? answer != PlantedAnswer::kOther : f == 1 && answer != PlantedAnswer::kDirect;
}

PlantedRows planted_rows(const PlantedRowsOptions& options, Seed seed) {
  const int64_t p = options.n_operands, c = options.n_classes;
  PlantedRows rows{.component = options.component,
                   .is_of_pairs = options.v_is_of_pairs,
                   .operand = shuffled(2, seed.derive("operand")).front()};
  const int64_t few_classes = std::min(c, p / 2);  // A class of one operand alone could have no null variable.

  Partitions of_one(seed.derive("functions of one operand")), of_pairs(seed.derive("functions of pairs"));
  Function merged{.name = "merged", .is_of_pairs = false, .is_of_copied = true};
  for (int64_t value = 0; value < p; ++value) merged.of_domain.push_back(value * few_classes / p);
  of_one.add(merged.of_domain);
  const auto draw = [&](const std::string& name, bool pairs) {
    return Function{.name = name,
                    .of_domain = pairs ? of_pairs.draw(name, p * p, c) : of_one.draw(name, p, few_classes),
                    .is_of_pairs = pairs};
  };
  rows.functions.push_back(draw("v", rows.is_of_pairs));
  for (int64_t u = 1; u <= options.n_us; ++u) {
    rows.functions.push_back(draw(fmt::format("u{}", u), options.us_are_of_pairs));
  }
  rows.not_computed = {merged, draw("table_1", true), draw("table_2", true), draw("partition", false)};

  std::vector<Function> all = rows.functions;
  all.insert(all.end(), rows.not_computed.begin(), rows.not_computed.end());
  std::vector<std::string> names, type_fields;
  std::vector<std::string>& columns = rows.table.columns;
  columns = {"", "data", "labels", "counterfactual_data"};
  const std::string first = std::to_string(options.context), second = std::to_string(options.context + 1);
  for (const Function& function : all) {
    names.push_back(function.name);
    columns.insert(columns.end(), {function.name, std::string(kSourcePrefix) + function.name});
    type_fields.push_back(function.is_of_pairs ? fmt::format("{} {}", first, second)
                          : rows.operand == 0  ? first
                                               : second);
  }
  for (size_t f = 0; f < all.size(); ++f) {
    columns.insert(columns.end(), {fmt::format("CF_Label_{}", f), fmt::format("CF_FN_{}", f)});
  }
  for (const std::string& name : names) columns.push_back(std::string(kTypeColumnPrefix) + name);

  const int64_t equals = std::max(p, c);
  const auto row_of = [&](int64_t pair, int64_t copy) {
    Row row;
    // The first context token tells a pair's rows apart.
    const Values kinds = shuffled(kContextTokens, seed.derive(fmt::format("context/{}", pair)));
    for (int64_t i = 0; i < options.context; ++i) {
      row.tokens.push_back(equals + 1 + kinds[static_cast<size_t>((copy + i) % kContextTokens)]);
    }
    row.tokens.insert(row.tokens.end(), {pair / p, pair % p, equals});
    for (const Function& function : all) {
      const int64_t one = rows.operand == 0 ? pair / p : pair % p;
      row.variables.push_back(function.of_domain[static_cast<size_t>(function.is_of_pairs ? pair : one)]);
    }
    row.answer = planted_answer(options.answer, row.variables, c);
    return row;
  };
  const Values pairs = shuffled(p * p, seed.derive("split"));
  const auto n_train = std::llround(kTrainShare * static_cast<double>(p * p));
  std::vector<Row> train, test;
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (options.context == 0) {
      (static_cast<int64_t>(i) < n_train ? train : test).push_back(row_of(pairs[i], 0));
      continue;
    }
    for (int64_t copy = 0; copy < kTrainRows; ++copy) train.push_back(row_of(pairs[i], copy));
    for (int64_t copy = 0; copy < kTestRows; ++copy) test.push_back(row_of(pairs[i], kTrainRows + copy));
  }
  const auto add = [&](const std::vector<Row>& split, std::string_view name) {
    const Values sources = drawn_sources(split.size(), seed.derive(fmt::format("pairs/{}", name)));
    const auto begin = static_cast<int64_t>(rows.tokens.size());
    for (const int64_t source : sources) rows.sources.push_back(begin + source);
    for (const Row& row : split) {
      rows.tokens.push_back(row.tokens);
      const auto first_value = row.variables.begin();
      rows.values.emplace_back(first_value, first_value + static_cast<int64_t>(rows.functions.size()));
    }
    return records(split, sources, names, options, type_fields);
  };
  rows.table.train = add(train, "train");
  rows.table.test = add(test, "test");
  return rows;
}

}  // namespace cprobe
