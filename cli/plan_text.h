#pragma once

#include "cprobe/run/runner.h"

namespace cprobe {

/// Prints what a run would take, and what its tests could tell.
void print_plan(const RunPlan& plan);
/// The same as one JSON object.
void print_plan_json(const RunPlan& plan);

}  // namespace cprobe
