#include "cprobe/report/page.h"

#include <fmt/format.h>

#include "cprobe/report/page_assets.h"
#include "cprobe/report/page_data.h"

namespace cprobe {

std::string report_page(const ReportData& data) {
  return framed_page({.title = data.title,
                      .data = page_json(data),
                      .sections = fmt::format("{}{}", page_assets::choices(), page_assets::sections()),
                      .tables_elsewhere = "results.csv and metrics.csv of the run"});
}

}  // namespace cprobe
