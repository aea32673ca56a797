#pragma once

#include "cprobe/evaluate/behaviour.h"

namespace cprobe::testing {

/// Accuracy of the untouched model.
inline double untouched_accuracy(const Model& model, const Dataset& data) {
  return run_untouched(model, data, embed(model, data.trie), Site::start()).accuracy;
}

}  // namespace cprobe::testing
