// A block that reads a planted variable, and passes it on, is not said to make it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cprobe/plant/compiled.h"
#include "cprobe/plant/planted_folder.h"
#include "cprobe/probe/probe_cell.h"
#include "tests/support.h"

namespace cprobe {
namespace {

TEST(Received, AnMlpBehindTheMlpThatComputesDoesNotMakeTheVariable) {
  const testing::TemporaryFolder folder;
  write_planted(compile_model({.n_operands = 7, .component = ComponentRef{0, Block::kMlp}}, Seed(1)), folder.path());
  Spec spec = parse_spec(Document::read_yaml(folder / "spec.yaml"));
  spec.grid.variables = {"v"};
  spec.grid.blocks = {Block::kMlp};
  spec.probe.null_variables = 2;
  spec.data.measure_behaviour = false;
  const RunData data = load_run_data(spec);
  Streams streams(data.model);
  std::vector<TestedFigure> made_here;
  for (const Cell& cell : expand(spec.grid, data.model.config)) {
    const Findings found = probe_cell(spec, cell, "id", data, streams).findings;
    ASSERT_EQ(found.presence.size(), 1u);
    made_here.push_back(found.presence.front().made_here);
    ASSERT_EQ(found.presence.front().inputs.size(), 1u);
    const double input = found.presence.front().inputs.front().accuracy;
    if (cell.component.layer == 0) {
      EXPECT_LT(input, 0.5) << "of the operands";
    } else {
      EXPECT_GT(input, 0.95) << "of V's code, which nearest neighbours see among others";
    }
  }
  EXPECT_GT(made_here[0].value, 0.5);
  EXPECT_LT(made_here[1].value, 0);
}

}  // namespace
}  // namespace cprobe
