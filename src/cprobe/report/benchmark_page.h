#pragma once

#include <string>
#include <vector>

#include "cprobe/benchmark/benchmark.h"
#include "cprobe/report/page_frame.h"

namespace cprobe {

/// A page about a benchmark (docs/benchmark.md): methods side by side, figures by knob, calibration
/// and power.
/// @throws Error as framed_page.
std::string benchmark_page(const std::string& title, const std::vector<BenchmarkRow>& rows);

/// The data that page/benchmark.js reads, by `page_text`.
std::string benchmark_json(const std::string& title, const std::vector<BenchmarkRow>& rows);

}  // namespace cprobe
