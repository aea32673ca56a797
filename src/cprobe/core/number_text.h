#pragma once

#include <string>

namespace cprobe {

/// A number as Python prints it: the shortest text that reads back equal, with ".0" behind whole values.
std::string number_text(double value);

}  // namespace cprobe
