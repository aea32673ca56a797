#include "cprobe/core/number_text.h"

#include <cmath>

namespace cprobe {

std::string number_text(double value) {
  std::string text = fmt::format("{}", value);
  if (std::isfinite(value) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace cprobe
