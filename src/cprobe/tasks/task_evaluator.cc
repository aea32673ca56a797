#include "cprobe/tasks/task_evaluator.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/euclidean_remainder.h"
#include "cprobe/core/number_text.h"
#include "cprobe/core/text.h"

namespace cprobe {

std::vector<std::string> formula_symbols(const ArithmeticTask& task) {
  std::vector<std::string> names;
  for (const Symbol& symbol : task.symbols) names.push_back(symbol.name);
  names.push_back("p");
  return names;
}

std::vector<std::string> variable_names(const ArithmeticTask& task) {
  std::vector<std::string> names;
  for (const auto* formulas : {&task.variables, &task.auxiliaries}) {
    for (const auto& [name, formula] : *formulas) names.push_back(name);
  }
  return names;
}

std::optional<int64_t> constant_token(std::string_view token) {
  const std::optional<int64_t> number = whole_number<int64_t>(token);
  return number && *number >= 0 ? number : std::nullopt;
}

TaskEvaluator::TaskEvaluator(const ArithmeticTask& task)
    : task_("task " + task.name),
      modulus_(task.modulus),
      symbols_(formula_symbols(task)),
      names_(variable_names(task)),
      answer_(task.answer, symbols_, task_ + ", answer") {
  for (const auto* formulas : {&task.variables, &task.auxiliaries}) {
    for (const auto& [name, formula] : *formulas) variables_.emplace_back(formula, symbols_, task_ + ", " + name);
  }
  for (const std::string& text : task.counterfactuals) counterfactuals_.emplace_back(text, names_, task_);
  const std::span<const std::string> inputs(symbols_.data(), task.symbols.size());
  for (const std::string& token : task.tokens) {
    const auto symbol = std::find(inputs.begin(), inputs.end(), token);
    const std::optional<int64_t> constant = constant_token(token);
    if (symbol != inputs.end()) {
      tokens_.push_back({.symbol = static_cast<size_t>(symbol - inputs.begin())});
    } else if (constant) {
      tokens_.push_back({.symbol = std::nullopt, .constant = *constant});
    } else {
      throw input_error("{}: token '{}' is neither a number nor a symbol; did you mean '{}'?", task_, token,
                        nearest(token, inputs));
    }
  }
}

int64_t TaskEvaluator::value(Formula& formula, const std::string& name, std::span<const int64_t> symbols) {
  const std::optional<int64_t> result = formula.evaluate(symbols);
  if (result) return *result;
  std::string values;
  for (size_t i = 0; i < symbols.size(); ++i) {
    values += fmt::format("{}{} = {}", i == 0 ? "" : ", ", symbols_[i], symbols[i]);
  }
  throw input_error("{}: {} '{}' is not an exact whole number below 2^53 where {}", task_, name, formula.text(),
                    values);
}

RowValues TaskEvaluator::evaluate(std::span<const int64_t> symbols) {
  std::vector<int64_t> inputs(symbols.begin(), symbols.end());
  inputs.push_back(modulus_);
  RowValues row;
  for (const Token& token : tokens_) row.tokens.push_back(token.symbol ? symbols[*token.symbol] : token.constant);
  row.answer = euclidean_remainder(value(answer_, "answer", inputs), modulus_);
  for (size_t i = 0; i < variables_.size(); ++i) row.variables.push_back(value(variables_[i], names_[i], inputs));
  return row;
}

std::vector<std::vector<int64_t>> TaskEvaluator::type_positions() const {
  std::vector<std::vector<int64_t>> all;
  for (const Formula& formula : variables_) {
    std::vector<int64_t>& positions = all.emplace_back();
    for (const std::string& name : formula.used_symbols()) {
      if (name == symbols_.back()) continue;  // the modulus
      const auto shown = std::ranges::find_if(
          tokens_, [&](const Token& token) { return token.symbol && symbols_[*token.symbol] == name; });
      if (shown == tokens_.end()) {
        positions.clear();
        break;
      }
      positions.push_back(shown - tokens_.begin());
    }
    std::ranges::sort(positions);
  }
  return all;
}

std::vector<int64_t> TaskEvaluator::counterfactual_labels(const RowValues& row, const RowValues& paired) const {
  std::vector<int64_t> labels;
  for (const Counterfactual& counterfactual : counterfactuals_) {
    labels.push_back(counterfactual.evaluate(row.variables, paired.variables, modulus_));
  }
  return labels;
}

}  // namespace cprobe
