#include "cprobe/tasks/formula.h"

#include <muParser.h>

#include <cmath>
#include <functional>
#include <limits>

#include "cprobe/core/error.h"
#include "cprobe/core/text.h"

namespace cprobe {
namespace {

// 2^53: below, doubles hold whole numbers exactly.
constexpr double kWholeLimit = 9007199254740992.0;

bool is_whole(double value) {
  return std::abs(value) < kWholeLimit && std::trunc(value) == value;
}

constexpr double kInexact = std::numeric_limits<double>::quiet_NaN();

// The operators. A rounded result becomes NaN, which no operator turns into a number again.

/// `result`, or NaN if `a` and `b` are whole and the result was rounded.
/// @param error  the exact result minus `result`.
double exact(double a, double b, double result, double error) {
  return error != 0 && std::trunc(a) == a && std::trunc(b) == b ? kInexact : result;
}

double add(double a, double b) {
  const double sum = a + b;
  const double part_of_b = sum - a;
  return exact(a, b, sum, (a - (sum - part_of_b)) + (b - part_of_b));
}

double subtract(double a, double b) {
  return add(a, -b);
}

double multiply(double a, double b) {
  const double product = a * b;
  return exact(a, b, product, std::fma(a, b, -product));
}

double divide(double a, double b) {
  return b == 0 ? kInexact : a / b;
}

double power(double a, double b) {
  const double result = std::pow(a, b);
  return std::abs(result) <= kWholeLimit ? result : kInexact;
}

double remainder(double value, double modulus) {
  if (!is_whole(value) || !is_whole(modulus) || modulus == 0) return kInexact;
  const double rest = std::fmod(value, modulus);
  return rest < 0 ? rest + std::abs(modulus) : rest;
}

template <typename Compare>
double compare(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? kInexact : static_cast<double>(Compare()(a, b));
}

struct Operator {
  const char* name;
  double (*function)(double, double);
  int precedence;
  mu::EOprtAssociativity associativity = mu::oaLEFT;
};

constexpr Operator kOperators[] = {
    {"+", add, mu::prADD_SUB},
    {"-", subtract, mu::prADD_SUB},
    {"*", multiply, mu::prMUL_DIV},
    {"/", divide, mu::prMUL_DIV},
    {"%", remainder, mu::prMUL_DIV},
    {"^", power, mu::prPOW, mu::oaRIGHT},
    {"==", compare<std::equal_to<>>, mu::prCMP},
    {"!=", compare<std::not_equal_to<>>, mu::prCMP},
    {"<", compare<std::less<>>, mu::prCMP},
    {"<=", compare<std::less_equal<>>, mu::prCMP},
    {">", compare<std::greater<>>, mu::prCMP},
    {">=", compare<std::greater_equal<>>, mu::prCMP},
    {"&&", compare<std::logical_and<>>, mu::prLAND},
    {"||", compare<std::logical_or<>>, mu::prLOR},
};

/// Position of a lone `=`, muParser's assignment, which would change a symbol's value; npos if
/// there is none.
size_t find_assignment(const std::string& text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') continue;
    if (i + 1 < text.size() && text[i + 1] == '=') {
      ++i;
    } else if (i == 0 || std::string_view("<>!").find(text[i - 1]) == std::string_view::npos) {
      return i;
    }
  }
  return std::string::npos;
}

}  // namespace

struct Formula::Parser {
  std::string text;
  std::vector<std::string> used;
  std::vector<double> values;  // Never grows: muParser keeps the addresses of its elements.
  mu::Parser mu;
};

Formula::~Formula() = default;
Formula::Formula(Formula&&) noexcept = default;
Formula& Formula::operator=(Formula&&) noexcept = default;

const std::string& Formula::text() const {
  return parser_->text;
}

const std::vector<std::string>& Formula::used_symbols() const {
  return parser_->used;
}

Formula::Formula(std::string text, std::span<const std::string> symbols, const std::string& where)
    : parser_(std::make_unique<Parser>()) {
  parser_->text = std::move(text);
  parser_->values.assign(symbols.size(), 1.0);
  const std::string& formula = parser_->text;
  mu::Parser& mu = parser_->mu;
  if (const size_t at = find_assignment(formula); at != std::string::npos) {
    throw input_error("{}: formula '{}', character {}: '=' cannot assign; compare with '=='", where, formula, at + 1);
  }
  if (const size_t at = formula.find('?'); at != std::string::npos) {
    throw input_error("{}: formula '{}', character {}: '?' is not supported; multiply by a comparison", where, formula,
                      at + 1);
  }
  try {
    mu.EnableBuiltInOprt(false);
    for (const Operator& o : kOperators) {
      mu.DefineOprt(o.name, o.function, static_cast<unsigned>(o.precedence), o.associativity);
    }
    for (size_t i = 0; i < symbols.size(); ++i) mu.DefineVar(symbols[i], &parser_->values[i]);
    mu.SetExpr(formula);
    mu.Eval();
    // Asking for the symbols leaves a parser half parsed, so a copy is asked.
    mu::Parser asked(mu);
    for (const auto& [name, value] : asked.GetUsedVar()) parser_->used.push_back(name);
    if (mu.GetNumResults() != 1) {
      throw input_error("{}: formula '{}' has {} values, expected one", where, formula, mu.GetNumResults());
    }
  } catch (const mu::Parser::exception_type& error) {
    if (error.GetCode() == mu::ecUNASSIGNABLE_TOKEN) {
      throw input_error("{}: formula '{}', character {}: unknown symbol '{}'; did you mean '{}'?", where, formula,
                        error.GetPos() + 1, error.GetToken(), nearest(error.GetToken(), symbols));
    }
    throw input_error("{}: formula '{}', character {}: {}", where, formula, error.GetPos() + 1, error.GetMsg());
  }
}

std::optional<int64_t> Formula::evaluate(std::span<const int64_t> values) {
  for (size_t i = 0; i < values.size(); ++i) parser_->values[i] = static_cast<double>(values[i]);
  const double value = parser_->mu.Eval();
  if (!is_whole(value)) return std::nullopt;
  return static_cast<int64_t>(value);
}

}  // namespace cprobe
