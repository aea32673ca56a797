#pragma once

#include "cprobe/io/csv.h"
#include "cprobe/run/runner.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe::testing {

/// A spec of four cells in a folder with a random model and 40 rows of three tokens, labelled by
/// the first token.
class Run : public ::testing::Test {
 protected:
  Run() {
    save_model(testing::drawn_model(testing::tiny_config()), folder_ / "model");
    std::string rows = ",data,labels,x,y,w\n";
    for (int i = 0; i < 40; ++i) rows += fmt::format("{},{} {} 12,{},{},1,{}\n", i, i % 4, i / 4, i % 5, i % 4, i % 3);
    testing::write_bytes(folder_ / "rows.csv", rows);
    spec_.model.folder = folder_ / "model";
    spec_.data.train_csv = spec_.data.test_csv = folder_ / "rows.csv";
    spec_.data.evaluation_csvs = {{"Test", spec_.data.test_csv}};
    spec_.grid.variables = {"x"};
    spec_.grid.batch_sizes = {10};
    spec_.probe.fit.epochs = 3;
    spec_.probe.exemplar_draws = 2;
    spec_.probe.ablation.n_random = 2;
  }

  RunSummary run_in(const char* name, RunOptions options = {}) const {
    options.out = folder_ / name;
    options.n_threads = 1;
    return run(spec_, options);
  }

  CsvTable table(const std::string& run, const std::string& file) const { return CsvTable::read(folder_ / run / file); }

  const TemporaryFolder folder_;
  Spec spec_;
};

}  // namespace cprobe::testing
