// Writes the pages that report_browser.py opens: make_pages FOLDER. Exit code 77 if cprobe was
// built without Plotly.

#include <cstdio>

#include "cprobe/baselines/beside_nulls.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/model/config.h"
#include "cprobe/report/benchmark_page.h"
#include "cprobe/report/page.h"
#include "cprobe/report/read_runs.h"
#include "tests/benchmark/made_rows.h"
#include "tests/report/made_run.h"

namespace {

using cprobe::testing::MadeCell;

constexpr const char* kHostile = "</script><img src=x onerror=document.title='hit'>&lt;b&gt;<b>%{x}";

/// Cells of several layers, with circuit files and curves, and an empty circuit.
std::vector<MadeCell> small_grid() {
  std::vector<MadeCell> cells;
  for (const char* variable : {kHostile, "parity"}) {
    for (int64_t layer = 0; layer < 4; ++layer) {
      const double accuracy = 0.3 + 0.2 * static_cast<double>(layer);
      cells.push_back({.variable = variable,
                       .layer = layer,
                       .knn = accuracy,
                       .other_types = accuracy,
                       .n_epochs = 90,
                       .has_file = true});
    }
  }
  cells.push_back({.variable = "parity", .block = cprobe::Block::kAttention, .has_file = true});
  cells.push_back({.variable = "empty", .p = std::nullopt, .n_epochs = 90, .has_file = true});
  return cells;
}

std::vector<MadeCell> large_grid() {
  std::vector<MadeCell> cells;
  for (int64_t i = 0; i < 500; ++i) {
    cells.push_back(
        {.variable = fmt::format("variable_{}", i / 50), .layer = i % 50, .n_epochs = 90, .has_file = i % 10 == 0});
  }
  return cells;
}

/// Twenty models at default knobs, one with a false positive, and some with another gain or noise.
std::vector<cprobe::BenchmarkRow> benchmark_rows() {
  std::vector<cprobe::testing::MadeModel> models;
  for (int i = 1; i <= 20; ++i) models.push_back({.name = fmt::format("m{:03}", i), .p_of_table = i / 20.});
  int n = 100;
  for (const auto& [knob, level, auroc, finds] : {std::tuple("gain", "0.25", .6, false),
                                                  {"gain", "0.25", .7, true},
                                                  {"gain", "0.5", .8, true},
                                                  {"noise", "0.05", .85, true}}) {
    cprobe::testing::MadeModel& model = models.emplace_back();
    model = {
        .name = fmt::format("m{}", n++), .knob = fmt::format("{} {}", knob, level), .auroc = auroc, .finds = finds};
    model.knobs[knob] = level;
  }
  return cprobe::testing::made_rows(models);
}

void write_page(const std::filesystem::path& run, const std::filesystem::path& page) {
  cprobe::ReportData data = cprobe::read_runs({run});
  data.title = kHostile;
  cprobe::write_file(page, cprobe::report_page(data));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (!cprobe::can_make_pages()) return 77;
  const std::filesystem::path folder = argv[1];
  cprobe::save_model(cprobe::testing::drawn_model(cprobe::testing::tiny_config()), folder / "model");
  cprobe::testing::make_run(folder / "small", small_grid(),
                            {.command = kHostile, .host = "host", .model = folder / "model", .spec = kHostile}, {},
                            {{"parity", "a <b>mod</b> 2"}});
  std::vector<cprobe::Metric> of_probe = {{.metric = "test_accuracy", .value = 0.8, .n = 100, .note = kHostile},
                                          {.metric = "test_accuracy", .value = 0.1, .n = 100, .control = "majority"}};
  cprobe::add_beside_nulls(of_probe, "type_accuracy Test", cprobe::testing::tested(0.8, 0.2), 1);
  cprobe::testing::add_method(folder / "small", kHostile, of_probe);
  cprobe::testing::make_run(folder / "large", large_grid(),
                            {.command = "cprobe fit", .spec = std::string(20'000, '#')});
  std::vector<cprobe::Metric> figures;
  figures.reserve(500);
  for (int i = 0; i < 500; ++i)
    figures.push_back({.metric = fmt::format("test_accuracy {}", i), .value = 0.5, .n = 100});
  cprobe::testing::add_method(folder / "large", "variable_0", figures);
  const auto control = cprobe::ModelControl::kRandomInit;
  cprobe::testing::make_run(
      folder / "control",
      {{.position = 0, .control = control}, {.position = 1, .control = control, .other_types = 0.1, .ablated = 0.7}},
      {.command = "cprobe fit", .model = "a/model"});
  cprobe::testing::make_run(folder / "both/trained", {{.only = .3}, {.layer = 1, .only = .95}});
  cprobe::testing::make_run(folder / "both/control",
                            {{.control = control}, {.layer = 1, .control = control, .other_types = 0.1}});
  cprobe::testing::make_run(folder / "earlier", {{.is_earlier = true}});
  for (const int step : {100, 1'000, 10'000}) {
    cprobe::testing::make_run(folder / fmt::format("training/seed_0/probes/step_{}/circuits", step),
                              {{.knn = step / 12'000.0}, {.layer = 1}});
  }
  for (const int seed : {0, 1, 2}) {
    cprobe::testing::make_run(folder / fmt::format("models/seed_{}/circuits", seed), {{}}, {.command = "cprobe fit"},
                              {.smallest_effect = 0.1});
  }
  { cprobe::Store::open(folder / "unfinished").plan({{"00", "circuit probing", "to come"}}, "data"); }
  cprobe::write_file(folder / "benchmark.html", cprobe::benchmark_page(kHostile, benchmark_rows()));
  cprobe::write_file(folder / "tiny_benchmark.html",
                     cprobe::benchmark_page("tiny", cprobe::testing::made_rows({{.p_of_table = .5}})));
  for (const char* name : {"small", "large", "control", "both", "earlier", "training", "models", "unfinished"}) {
    write_page(folder / name, folder / (std::string(name) + ".html"));
  }
}
