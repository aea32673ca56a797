#include "cprobe/tasks/arithmetic_task.h"

#include <algorithm>
#include <set>

#include "cprobe/core/error.h"
#include "cprobe/core/text.h"
#include "cprobe/data/counterfactual.h"
#include "cprobe/tasks/formula.h"
#include "cprobe/tasks/task_evaluator.h"

namespace cprobe {
namespace {

/// The largest modulus. Products of two remainders stay far below int64's limit.
constexpr int64_t kLargestModulus = int64_t{1} << 31;

bool is_identifier(std::string_view name) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  constexpr std::string_view kDigits = "0123456789";
  if (name.empty() || kLetters.find(name.front()) == std::string_view::npos) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return kLetters.find(c) != std::string_view::npos || kDigits.find(c) != std::string_view::npos;
  });
}

void add_symbol(ArithmeticTask& task, Symbol symbol, const Document& place) {
  if (!is_identifier(symbol.name)) {
    throw place.error(fmt::format("'{}' is not a name (letters, digits and _, no digit first)", symbol.name));
  }
  const std::vector<std::string> taken = formula_symbols(task);
  if (std::find(taken.begin(), taken.end(), symbol.name) != taken.end()) {
    throw place.error(
        fmt::format("the name '{}' is taken{}", symbol.name, symbol.name == "p" ? " by the modulus" : ""));
  }
  task.symbols.push_back(std::move(symbol));
}

/// Reads `uniform` or `{bijection_of: operand}`.
Symbol parse_distractor(const std::string& name, const Document& yaml, std::span<const std::string> operands) {
  if (yaml.is_scalar()) {
    if (yaml.as_text() != "uniform") {
      throw yaml.error(fmt::format("expected 'uniform' or {{bijection_of: OPERAND}}, found '{}'", yaml.as_text()));
    }
    return {.name = name, .kind = SymbolKind::kUniform, .of = {}};
  }
  require_known_keys(yaml, kDistractorKeys);
  const Document& of = yaml.at("bijection_of");
  if (std::find(operands.begin(), operands.end(), of.as_text()) == operands.end()) {
    throw of.error(fmt::format("no operand '{}'; did you mean '{}'?", of.as_text(), nearest(of.as_text(), operands)));
  }
  return {.name = name, .kind = SymbolKind::kBijection, .of = of.as_text()};
}

void parse_symbols(ArithmeticTask& task, const Document& yaml) {
  std::vector<std::string> operands;
  for (const Document& operand : yaml.at("operands").items()) {
    operands.push_back(operand.as_text());
    add_symbol(task, {.name = operands.back(), .kind = SymbolKind::kOperand, .of = {}}, operand);
  }
  if (operands.empty()) throw yaml.at("operands").error("a task needs at least one operand");
  if (const Document* distractors = yaml.find("distractors"); distractors != nullptr) {
    for (const auto& [name, value] : distractors->entries()) {
      add_symbol(task, parse_distractor(name, value, operands), value);
    }
  }
}

void parse_tokens(ArithmeticTask& task, const Document& yaml) {
  std::vector<std::string> names = formula_symbols(task);
  names.pop_back();  // `p` is a symbol of formulas, not an input.
  std::set<std::string> missing(names.begin(), names.end());
  for (const Document& token : yaml.items()) {
    const std::string text = token.as_text();
    missing.erase(text);
    if (!constant_token(text) && std::find(names.begin(), names.end(), text) == names.end()) {
      throw token.error(fmt::format("token '{}' is neither a number from 0 on nor a symbol; did you mean '{}'?", text,
                                    nearest(text, names)));
    }
    task.tokens.push_back(text);
  }
  if (!missing.empty()) {
    throw yaml.error(fmt::format("symbol '{}' is not among the tokens, so no model could see it", *missing.begin()));
  }
}

/// Refuses the name of a variable that is no identifier, is taken, or is a column of the CSV file
/// itself.
void require_free_name(const std::string& name, const std::set<std::string>& used, const Document& place) {
  const bool reserved = name == "data" || name == "labels" || name.starts_with("counter") || name.starts_with("CF_");
  if (!is_identifier(name) || reserved) {
    throw place.error(fmt::format(
        "'{}' cannot name a variable: use letters, digits and _, but not data, labels, counter... or CF_...", name));
  }
  if (used.contains(name)) throw place.error(fmt::format("'{}' is both a variable and an auxiliary", name));
}

ArithmeticTask::NamedFormulas parse_formulas(const ArithmeticTask& task, const Document* yaml,
                                             std::set<std::string>& used) {
  ArithmeticTask::NamedFormulas formulas;
  if (yaml == nullptr) return formulas;
  const std::vector<std::string> symbols = formula_symbols(task);
  for (const auto& [name, value] : yaml->entries()) {
    require_free_name(name, used, value);
    const Formula checked(value.as_text(), symbols, value.where());
    formulas.emplace_back(name, checked.text());
  }
  for (const auto& [name, formula] : formulas) used.insert(name);
  return formulas;
}

}  // namespace

ArithmeticTask parse_arithmetic_task(const Document& yaml) {
  require_known_keys(yaml, kTaskFileKeys);

  ArithmeticTask task;
  task.name = yaml.at("name").as_text();
  task.modulus = yaml.at("modulus").as_integer();
  if (task.modulus < 2 || task.modulus > kLargestModulus) {
    throw yaml.at("modulus").error(fmt::format("expected a modulus from 2 to 2^31, found {}", task.modulus));
  }
  parse_symbols(task, yaml);
  parse_tokens(task, yaml.at("tokens"));

  const Document& answer = yaml.at("answer");
  task.answer = Formula(answer.as_text(), formula_symbols(task), answer.where()).text();
  std::set<std::string> used;
  task.variables = parse_formulas(task, yaml.find("variables"), used);
  task.auxiliaries = parse_formulas(task, yaml.find("auxiliaries"), used);
  if (const Document* counterfactuals = yaml.find("counterfactuals"); counterfactuals != nullptr) {
    const std::vector<std::string> names = variable_names(task);
    for (const Document& item : counterfactuals->items()) {
      const Counterfactual checked(item.as_text(), names, item.where());
      task.counterfactuals.push_back(item.as_text());
    }
  }
  if (const Document* fraction = yaml.find("train_fraction"); fraction != nullptr) {
    task.train_fraction = fraction->as_number();
    if (task.train_fraction <= 0 || task.train_fraction >= 1) {
      throw fraction->error(fmt::format("expected a share between 0 and 1, found {}", task.train_fraction));
    }
  }
  return task;
}

ArithmeticTask with_uniform_distractors(ArithmeticTask task) {
  for (Symbol& symbol : task.symbols) {
    if (symbol.kind == SymbolKind::kBijection) symbol.kind = SymbolKind::kUniform;
  }
  return task;
}

int64_t vocabulary(const ArithmeticTask& task) {
  int64_t largest = task.modulus - 1;
  for (const std::string& token : task.tokens) largest = std::max(largest, constant_token(token).value_or(0));
  return largest + 1;
}

}  // namespace cprobe
