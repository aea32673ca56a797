#include "cprobe/data/counterfactual.h"

#include <algorithm>
#include <sstream>

#include "cprobe/core/error.h"
#include "cprobe/core/euclidean_remainder.h"
#include "cprobe/core/text.h"

namespace cprobe {
Counterfactual::Counterfactual(const std::string& text, std::span<const std::string> names, const std::string& where) {
  std::vector<std::string> operands(names.begin(), names.end());
  for (const std::string& name : names) operands.push_back(std::string(kSourcePrefix) + name);
  std::istringstream words(text);
  std::string word;
  size_t depth = 0;  // Values on an evaluation's stack so far.
  while (words >> word) {
    if (word == "+" || word == "-" || word == "*") {
      if (depth < 2) {
        throw input_error("{}: counterfactual '{}': operator '{}' needs two values before it, found {}", where, text,
                          word, depth);
      }
      steps_.push_back({.kind = word == "+" ? Kind::kAdd : word == "-" ? Kind::kSubtract : Kind::kMultiply});
      --depth;
      continue;
    }
    const auto found = std::find(operands.begin(), operands.end(), word);
    if (found == operands.end()) {
      throw input_error(
          "{}: counterfactual '{}': '{}' is neither an operator (+ - *) nor a variable; did you mean '{}'?", where,
          text, word, nearest(word, operands));
    }
    const size_t index = static_cast<size_t>(found - operands.begin());
    const bool own = index < names.size();
    steps_.push_back({.kind = own ? Kind::kOwn : Kind::kPaired, .variable = own ? index : index - names.size()});
    ++depth;
  }
  if (depth != 1) {
    throw input_error("{}: counterfactual '{}' leaves {} values, expected one (reverse Polish: 'var_0 var_1 +')", where,
                      text, depth);
  }
}

int64_t Counterfactual::evaluate(std::span<const int64_t> own, std::span<const int64_t> paired, int64_t modulus) const {
  std::vector<int64_t> stack;
  for (const Step& step : steps_) {
    if (step.kind == Kind::kOwn || step.kind == Kind::kPaired) {
      const int64_t value = (step.kind == Kind::kOwn ? own : paired)[step.variable];
      // Reduces every value before it is used, so that no product can overflow.
      stack.push_back(euclidean_remainder(value, modulus));
      continue;
    }
    const int64_t right = stack.back();
    stack.pop_back();
    int64_t& left = stack.back();
    const int64_t result = step.kind == Kind::kAdd        ? left + right
                           : step.kind == Kind::kSubtract ? left - right
                                                          : left * right;
    left = euclidean_remainder(result, modulus);
  }
  return stack.back();
}

}  // namespace cprobe
