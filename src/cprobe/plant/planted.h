#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cprobe/model/model.h"
#include "cprobe/plant/truth.h"
#include "cprobe/tasks/arithmetic_data.h"

namespace cprobe {

/// A model in which the answer is known, with its truth and its data.
struct Planted {
  Model model;
  Truth truth;
  ArithmeticTable data;  ///< Has a column for each variable of the truth.
};

}  // namespace cprobe
