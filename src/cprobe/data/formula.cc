#include "cprobe/data/formula.h"

#include <muParser.h>

#include <cmath>
#include <limits>

#include "cprobe/core/error.h"
#include "cprobe/core/text.h"

namespace cprobe {
namespace {

constexpr double kWholeLimit = 9007199254740992.0;  // 2^53: doubles are exact below.

bool is_whole(double value) {
  return std::abs(value) < kWholeLimit && std::trunc(value) == value;
}

/// The operator `%`. Anything that is not exact becomes NaN, which no later operation turns into a whole number again.
double remainder_operator(double value, double modulus) {
  if (!is_whole(value) || !is_whole(modulus) || modulus == 0) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const double remainder = std::fmod(value, modulus);
  return remainder < 0 ? remainder + std::abs(modulus) : remainder;
}

/// Position of a lone `=`, muParser's assignment, which would change a symbol's value; npos where there is none.
size_t find_assignment(const std::string& text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      continue;
    }
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
  std::vector<double> values;  // muParser keeps their addresses, so this vector never grows.
  mu::Parser mu;
};

Formula::~Formula() = default;
Formula::Formula(Formula&&) noexcept = default;
Formula& Formula::operator=(Formula&&) noexcept = default;

const std::string& Formula::text() const {
  return parser_->text;
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
  try {
    mu.DefineOprt("%", remainder_operator, mu::prMUL_DIV, mu::oaLEFT);
    for (size_t i = 0; i < symbols.size(); ++i) {
      mu.DefineVar(symbols[i], &parser_->values[i]);
    }
    mu.SetExpr(formula);
    mu.Eval();
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
  for (size_t i = 0; i < values.size(); ++i) {
    parser_->values[i] = static_cast<double>(values[i]);
  }
  const double value = parser_->mu.Eval();
  if (!is_whole(value)) {
    return std::nullopt;
  }
  return static_cast<int64_t>(value);
}

}  // namespace cprobe
