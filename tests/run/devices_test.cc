#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>

#include "cprobe/circuit/fit.h"
#include "cprobe/circuit/soft_nearest_neighbours.h"
#include "cprobe/core/device.h"
#include "cprobe/io/csv.h"
#include "cprobe/probe/probe_cell.h"
#include "cprobe/run/device_data.h"
#include "cprobe/run/runner.h"
#include "tests/evaluate/untouched.h"
#include "tests/support.h"
#include "tests/tensors.h"
#include "tests/tiny_model.h"

/// Results on a GPU equal those on the CPU, within rounding. Skipped if there is no GPU.
namespace cprobe {
namespace {

using testing::agree;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TemporaryFolder;

// Rounding of float32 through two layers, with sums in another order.
constexpr double kRounding = 1e-4;

TEST(Devices, HaveNames) {
  EXPECT_EQ(parse_device("cpu"), at::Device(at::kCPU));
  EXPECT_EQ(parse_device("cuda"), at::Device(at::kCUDA));
  EXPECT_EQ(parse_device("cuda:3"), at::Device(at::kCUDA, 3));
  for (const char* name : {"gpu", "cuda:", "cuda:-1", "cuda:x", "cuda:999", "cpu:0", ""}) {
    EXPECT_INPUT_ERROR(parse_device(name), "expected cpu, cuda or cuda:N");
  }
}

TEST(Devices, AreSharedOutAmongRanksAndTheirWorkers) {
  // Two ranks of two workers each, on a machine with four GPUs; the last case has three GPUs.
  EXPECT_EQ(gpu_of_worker(0, 2, 1, 4), 1);
  EXPECT_EQ(gpu_of_worker(1, 2, 0, 4), 2);
  EXPECT_EQ(gpu_of_worker(1, 2, 1, 4), 3);
  EXPECT_EQ(gpu_of_worker(1, 2, 1, 3), 0);
}

/// A spec in a folder with a random model and 40 rows of three tokens, labelled by the first token.
class OnDevices : public ::testing::Test {
 protected:
  OnDevices() {
    std::string rows = ",data,labels,counterfactual_data,x,counter_x,CF_Label_0,CF_FN_0\n";
    for (int i = 0; i < 40; ++i) {
      const int source = (i + 1) % 40;
      rows += fmt::format("{},{} {} 12,{},{} {} 12,{},{},{},counter_x\n", i, i % 4, i / 4, i % 5, source % 4,
                          source / 4, i % 4, source % 4, (i + 2) % 5);
    }
    testing::write_bytes(folder_ / "rows.csv", rows);
    spec_.model.folder = folder_ / "model";
    spec_.data.train_csv = spec_.data.test_csv = folder_ / "rows.csv";
    spec_.data.evaluation_csvs = {{"Test", spec_.data.test_csv}};
    spec_.grid.variables = {"x"};
    spec_.grid.batch_sizes = {10};
    spec_.grid.learning_rates = {0.05};
    spec_.probe.fit.epochs = 3;
    spec_.probe.exemplar_draws = 2;
    spec_.probe.ablation = {.fills = {Fill::kZero, Fill::kMean, Fill::kResample}, .n_random = 2, .effect = true};
    use_model(testing::tiny_config());
  }

  void use_model(const ModelConfig& config) { save_model(testing::drawn_model(config), folder_ / "model"); }

  const TemporaryFolder folder_;
  Spec spec_;
};

TEST_F(OnDevices, ThatAreNotThereNothingIsComputed) {
  const int n = n_gpus();
  const auto device = n == 0 ? at::Device(at::kCUDA) : at::Device(at::kCUDA, static_cast<at::DeviceIndex>(n));
  const RunOptions options{.out = folder_ / "run", .device = device};
  const std::string problem = at::hasCUDA() ? "there " : "built without CUDA";
  EXPECT_INPUT_ERROR(run(spec_, options), problem);
  EXPECT_INPUT_ERROR(plan_run(spec_, options), problem);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run"));
}

TEST_F(OnDevices, MethodsThatTrainTheModelStayOnTheCpu) {
  const RunOptions options{.out = folder_ / "run", .device = at::kCUDA};
  EXPECT_INPUT_ERROR(run_baselines(spec_, {"transfer"}, options), "transfer x: runs on the CPU only");
}

TEST_F(OnDevices, CellsHaveOtherIdentities) {
  const Cell cell{.variable = "x"};
  const RunData data = load_run_data(spec_), on_gpu = load_run_data(spec_, at::kCUDA);
  EXPECT_NE(cell_id(spec_, cell, data.fingerprints, 1), cell_id(spec_, cell, on_gpu.fingerprints, 1));
  EXPECT_EQ(load_run_data(spec_, parse_device("cuda:1")).fingerprints, on_gpu.fingerprints);
}

class OnGpu : public OnDevices {
 protected:
  void SetUp() override {
    if (n_gpus() == 0) GTEST_SKIP() << "no GPU, or libtorch without CUDA";
  }
};

TEST_F(OnGpu, ModelsOfEveryKindGiveTheSameStates) {
  for (const auto& [name, config] : testing::all_kinds()) {
    const Model model = testing::drawn_model(config), moved = on_device(model, at::kCUDA);
    EXPECT_EQ(fingerprint(moved), fingerprint(model)) << name;
    const TokenTrie trie = build_trie(testing::ragged_rows(config, 30, Seed(3)));
    const at::Tensor states = testing::final_states(model, trie), theirs = testing::final_states(moved, trie);
    EXPECT_TRUE(theirs.is_cuda()) << name;
    EXPECT_TRUE(agree(theirs.cpu(), states, kRounding)) << name;
    EXPECT_TRUE(agree(logits(moved, theirs).cpu(), logits(model, states), 10 * kRounding)) << name;
    const Site middle = Site::before({1, Block::kMlp});
    const Stream there = stream_at(moved, trie, middle);
    EXPECT_TRUE(agree(there.expanded().rows.cpu(), stream_at(model, trie, middle).expanded().rows, kRounding)) << name;
  }
}

TEST_F(OnGpu, MaskedUpdatesAndTheirGradientsAreTheSame) {
  for (const auto& [name, config] : testing::all_kinds()) {
    const Model model = testing::drawn_model(config), moved = on_device(model, at::kCUDA);
    const TokenTrie trie = build_trie(testing::ragged_rows(config, 30, Seed(3)));
    const at::Tensor nodes = trie.nodes_at(-1);
    const at::Tensor labels = at::arange(nodes.size(0)).remainder(3), which = at::arange(5, 25);
    for (const Block block : {Block::kAttention, Block::kMlp}) {
      for (const MaskUnit unit : {MaskUnit::kNeuron, MaskUnit::kWeight}) {
        const ComponentRef component{1, block};
        const auto loss_and_gradients = [&](const Model& of) {
          const Stream before = stream_at(of, trie, Site::before(component));
          const ComponentInputs inputs(of, component, unit, trie, before, nodes);
          std::vector<at::Tensor> multipliers;
          for (size_t i = 0; i < inputs.ones().size(); ++i) {
            const at::Tensor drawn = at::rand(inputs.ones()[i].sizes(), Seed(i).generator());
            multipliers.push_back(drawn.to(of.device()).requires_grad_());
          }
          const at::Tensor loss =
              soft_nearest_neighbours(inputs.updates(multipliers, which), labels.index_select(0, which));
          std::vector<at::Tensor> all = torch::autograd::grad({loss}, multipliers);
          all.push_back(loss.detach());
          return all;
        };
        const std::vector<at::Tensor> ours = loss_and_gradients(moved), expected = loss_and_gradients(model);
        for (size_t i = 0; i < ours.size(); ++i) {
          EXPECT_TRUE(agree(ours[i].cpu(), expected[i], kRounding))
              << name << " " << to_string(component) << " " << to_string(unit) << " " << i;
        }
      }
    }
  }
}

TEST_F(OnGpu, MasksTrainedTogetherAreThoseTrainedOneByOne) {
  constexpr uint64_t kMasks = 20;
  const Model moved = on_device(testing::drawn_model(testing::tiny_config()), at::kCUDA);
  const TokenTrie trie = build_trie(testing::ragged_rows(moved.config, 64, Seed(3)));
  const at::Tensor nodes = trie.nodes_at(-1);
  for (const Block block : {Block::kAttention, Block::kMlp}) {
    const Site site = Site::before({1, block});
    const ComponentInputs inputs(moved, site.next(), MaskUnit::kNeuron, trie, stream_at(moved, trie, site), nodes);
    const FitOptions options{.epochs = 10, .batch_size = 32, .learning_rate = 0.02};
    std::vector<at::Tensor> labels;
    for (uint64_t i = 0; i < kMasks; ++i) {
      labels.push_back(at::randint(4, {nodes.size(0)}, Seed(i).generator(), at::kLong));
    }
    const auto orders = [] {
      return [generator = Seed(9).generator()](int64_t n) { return at::randperm(n, generator, at::kLong); };
    };
    const auto seconds = [](const auto& work) {
      const auto start = std::chrono::steady_clock::now();
      work();
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    const auto method = continuous_sparsification();
    std::vector<FitResult> together, single;
    const auto train_together = [&] { together = fit_together(inputs, labels, *method, options, orders()); };
    train_together();  // to warm up
    const double at_once = seconds(train_together);
    const double one_by_one = seconds([&] {
      for (const at::Tensor& one : labels) single.push_back(fit(inputs, one, *method, options, orders()));
    });
    fmt::print("{}: {} masks together {:.2f} s, one by one {:.2f} s\n", to_string(site.next()), kMasks, at_once,
               one_by_one);
    for (size_t i = 0; i < kMasks; ++i) {
      EXPECT_NEAR(together[i].curve.back().loss, single[i].curve.back().loss, 1e-3) << to_string(block) << " " << i;
      for (size_t m = 0; m < single[i].mask().parameters.size(); ++m) {
        EXPECT_TRUE(agree(together[i].mask().parameters[m].cpu(), single[i].mask().parameters[m].cpu(), 10 * kRounding))
            << to_string(block) << " " << i << " " << m;
      }
    }
  }
}

TEST_F(OnGpu, AnswersAreTheSameWithAndWithoutAContrast) {
  const ModelConfig config = testing::tiny_config();
  const Model model = testing::drawn_model(config), moved = on_device(model, at::kCUDA);
  Dataset data = load_run_data(spec_).test;
  for (const bool contrasts : {false, true}) {
    if (contrasts) data.contrast = Contrast{data.answers, (data.answers + 1).remainder(config.vocab).unsqueeze(1)};
    EXPECT_EQ(testing::untouched_accuracy(moved, data), testing::untouched_accuracy(model, data)) << contrasts;
  }
}

/// Expects a spec's cells to be the same on the CPU and on a GPU: circuits differ in at most 2%
/// of all units, and cells with equal circuits have equal figures.
void expect_equal_cells(const Spec& spec, const std::string& what) {
  const RunData data = load_run_data(spec);
  DeviceData on_devices(data, at::kCUDA);
  const RunData& moved = on_devices.of_worker(0, 1);
  Streams streams(data.model), moved_streams(moved.model);
  int64_t n_units = 0, n_different = 0;
  for (const Cell& cell : expand(spec.grid, data.model.config)) {
    SCOPED_TRACE(what + " " + to_string(cell.component));
    const FoundCircuit expected = probe_cell(spec, cell, "", data, streams);
    const FoundCircuit ours = probe_cell(spec, cell, "", moved, moved_streams);
    ASSERT_EQ(ours.curve.size(), expected.curve.size());
    for (size_t i = 0; i < ours.curve.size(); ++i) EXPECT_NEAR(ours.curve[i].loss, expected.curve[i].loss, 1e-3);
    const Findings &a = ours.findings, &b = expected.findings;
    EXPECT_NEAR(a.full_knn.test.mean, b.full_knn.test.mean, 0.05);
    int64_t different = 0;
    for (size_t i = 0; i < ours.circuit.members.size(); ++i) {
      different += ours.circuit.members[i].ne(expected.circuit.members[i]).sum().item<int64_t>();
    }
    n_units += expected.circuit.max_units();
    n_different += different;
    if (different > 0) continue;
    EXPECT_NEAR(a.train_loss, b.train_loss, kRounding);
    EXPECT_NEAR(a.test_loss, b.test_loss, kRounding);
    EXPECT_NEAR(a.knn.test.mean, b.knn.test.mean, 0.05);
    ASSERT_EQ(a.evaluation_sets.size(), b.evaluation_sets.size());
    for (size_t i = 0; i < a.evaluation_sets.size(); ++i) {
      EXPECT_NEAR(a.evaluation_sets[i].untouched, b.evaluation_sets[i].untouched, 0.05);
      ASSERT_EQ(a.evaluation_sets[i].ablations.size(), b.evaluation_sets[i].ablations.size());
      for (size_t j = 0; j < a.evaluation_sets[i].ablations.size(); ++j) {
        const AblationResult &x = a.evaluation_sets[i].ablations[j], &y = b.evaluation_sets[i].ablations[j];
        SCOPED_TRACE(fmt::format("{} {} {}", to_string(x.target), to_string(x.fill), x.matrix));
        EXPECT_NEAR(x.accuracy.mean, y.accuracy.mean, 0.05);
        EXPECT_NEAR(x.effect->divergence.mean, y.effect->divergence.mean, 1e-3);
        EXPECT_NEAR(x.effect->log_probability.mean, y.effect->log_probability.mean, 1e-3);
      }
    }
  }
  // An optimiser's step follows the gradient's sign. Rounding decides the sign of tiny gradients.
  EXPECT_LE(n_different, n_units / 50) << what;
}

TEST_F(OnGpu, CellsOfEveryMaskMethodAndUnitGiveTheSame) {
  for (const ModelConfig& config : {testing::tiny_config(), testing::llama_config()}) {
    use_model(config);
    for (const MaskKind method : kMaskKinds) {
      for (const MaskUnit unit : {MaskUnit::kNeuron, MaskUnit::kWeight}) {
        spec_.probe.mask_method = method;
        spec_.grid.mask_options = {mask_option(method).otherwise};
        spec_.probe.unit = unit;
        expect_equal_cells(spec_, fmt::format("{} {} {}", config.architecture, to_string(method), to_string(unit)));
      }
    }
  }
}

TEST_F(OnGpu, CellsOfNegativeControlsGiveTheSame) {
  for (const ModelControl control :
       {ModelControl::kRandomInit, ModelControl::kRandomInitKeepEmbeddings, ModelControl::kShuffledComponent}) {
    spec_.model.control = control;
    expect_equal_cells(spec_, std::string(to_string(control)));
  }
}

TEST_F(OnGpu, ARunComputesEveryCellThere) {
  const RunOptions options{.out = folder_ / "run", .device = at::kCUDA};
  const RunSummary summary = run(spec_, options);
  EXPECT_EQ(summary.n_computed, 4);
  EXPECT_THAT(summary.failures, IsEmpty());
  EXPECT_EQ(run(spec_, options).n_computed, 0);
  EXPECT_GT(plan_run(spec_, options).seconds, 0);
}

TEST_F(OnGpu, StreamsDoNotGoToScratchFiles) {
  const RunOptions options{.out = folder_ / "run", .memory = 100, .device = at::kCUDA};
  EXPECT_INPUT_ERROR(run(spec_, options), "more than --memory allows");
}

TEST_F(OnGpu, ComparisonMethodsGiveTheSame) {
  spec_.baselines = Document::parse_yaml(
      "linear_probe: {epochs: 20}\n"
      "mlp_probe: {epochs: 20}\n"
      "counterfactual_embedding: {probe: {epochs: 20}, steps: 20}\n"
      "amnesic_probing: {random_controls: 2, probe: {epochs: 20}}\n"
      "das: {epochs: 20, random_controls: 2}\n"
      "boundless_das: {epochs: 20, random_controls: 2}\n"
      "subnetwork_probe: {epochs: 5, random_controls: 2, scope: model}\n",
      "spec.yaml");
  const auto figures = [&](at::Device device) {
    const std::filesystem::path out = folder_ / device.str();
    const RunSummary summary = run_baselines(spec_, {}, {.out = out, .n_threads = 1, .device = device});
    EXPECT_THAT(summary.failures, IsEmpty());
    const CsvTable table = CsvTable::read(out / "metrics.csv");
    std::map<std::string, double> values;
    for (size_t i = 0; i < table.n_rows(); ++i) {
      std::string key;
      for (const char* column : {"method", "site", "variable", "metric", "control"}) key += table.text(column)[i] + " ";
      values[key] = std::stod(table.text("value")[i]);
    }
    return values;
  };
  const std::map<std::string, double> expected = figures(at::kCPU), ours = figures(at::kCUDA);
  EXPECT_GT(expected.size(), 20u);
  EXPECT_EQ(ours.size(), expected.size());
  for (const auto& [key, value] : expected) {
    ASSERT_TRUE(ours.contains(key)) << key;
    EXPECT_NEAR(ours.at(key), value, std::max(0.15, 0.05 * std::abs(value))) << key;
  }
}

}  // namespace
}  // namespace cprobe
