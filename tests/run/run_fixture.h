#pragma once

#include "cprobe/io/csv.h"
#include "cprobe/run/runner.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe::testing {

/// A folder with a random model, rows of three tokens labelled by their first, and a spec of four cells.
class Run : public ::testing::Test {
 protected:
  Run() {
    save_model(testing::drawn_model(testing::tiny_config()), folder_ / "model");
    std::string rows = ",data,labels,x,y,w\n";
    for (int i = 0; i < 40; ++i) rows += fmt::format("{},{} {} 12,{},{},1,{}\n", i, i % 4, i / 4, i % 5, i % 4, i % 3);
    testing::write_bytes(folder_ / "rows.csv", rows);
    spec_.model = folder_ / "model";
    spec_.train_csv = spec_.test_csv = folder_ / "rows.csv";
    spec_.behaviour_csvs = {{"Test", spec_.test_csv}};
    spec_.variables = {"x"};
    spec_.batch_sizes = {10};
    spec_.fit.epochs = 3;
    spec_.exemplar_draws = 2;
    spec_.ablation.n_random = 2;
  }

  RunSummary run_in(const char* name, RunOptions options = {}) const {
    options.out = folder_ / name;
    options.following = Following::kQuiet;
    options.n_threads = 1;
    return run(spec_, options);
  }

  CsvTable table(const std::string& run, const std::string& file) const { return CsvTable::read(folder_ / run / file); }

  const TemporaryFolder folder_;
  Spec spec_;
};

}  // namespace cprobe::testing
