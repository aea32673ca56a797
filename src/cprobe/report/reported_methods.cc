#include "cprobe/report/reported_methods.h"

namespace cprobe {

std::vector<ReportedMethod> reported_methods(const ReportData& data) {
  std::vector<ReportedMethod> methods;
  for (size_t run = 0; run < data.runs.size(); ++run) {
    std::vector<RecordedMetric> rows;
    for (const ReportedFigure& figure : data.figures) {
      if (figure.run == run) rows.push_back(figure.row);
    }
    for (JudgedMethod& judged : judged_methods(rows, data.runs[run].method_rules))
      methods.push_back({run, std::move(judged)});
  }
  return methods;
}

}  // namespace cprobe
