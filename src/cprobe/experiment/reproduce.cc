#include "cprobe/experiment/reproduce.h"

#include <algorithm>
#include <array>
#include <optional>

#include "cprobe/core/error.h"
#include "cprobe/core/threads.h"
#include "cprobe/experiment/runner.h"
#include "cprobe/experiment/text_table.h"
#include "cprobe/model/train_task.h"

namespace cprobe {
namespace {

/// What Lepori et al. 2024 report for Experiment 1 (one seed, one draw of exemplars, no random controls).
struct Published {
  std::string_view variable;
  std::string_view meaning;
  std::string_view block;
  double knn;       ///< Test accuracy of the circuit.
  double full_knn;  ///< Of the whole component.
  double size;      ///< Weights in the circuit / weights in the component.
  double ablated;   ///< Task accuracy with the circuit at zero.
};
constexpr std::array<Published, 8> kPublished = {{
    {"var_0", "a^2", "attn", .991, .660, .533, .008},
    {"var_0", "a^2", "mlp", .658, .103, .650, .057},
    {"var_1", "-b^2", "attn", .991, .610, .535, .009},
    {"var_1", "-b^2", "mlp", .480, .087, .638, .086},
    {"aux_0", "a+b", "attn", .008, .011, 0, 1},
    {"aux_0", "a+b", "mlp", .008, .011, 0, 1},
    {"aux_1", "a-b", "attn", .008, .011, 0, 1},
    {"aux_1", "a-b", "mlp", .008, .011, 0, 1},
}};

std::filesystem::path seed_folder(const ReproduceOptions& options, int64_t seed) {
  return options.out / fmt::format("seed_{}", seed);
}

/// Data and a trained model for one seed, from an earlier call where they are there.
void prepare(const ArithmeticTask& task, const ReproduceOptions& options, int64_t seed) {
  const std::filesystem::path folder = seed_folder(options, seed);
  if (is_trained(folder)) return;
  train_task(task, toy_config(task), {.steps = options.steps, .quiet = options.quiet}, folder,
             Seed(static_cast<uint64_t>(seed)));
}

Spec probing_spec(const ReproduceOptions& options, int64_t seed) {
  const std::filesystem::path folder = seed_folder(options, seed);
  Spec spec{.model = folder / "final",
            .task = "exp1",
            .train_csv = folder / "data/train.csv",
            .test_csv = folder / "data/test.csv",
            .behaviour_csvs = {{"Test", folder / "data/test.csv"}},
            .variables = {"var_0", "var_1", "aux_0", "aux_1"},
            .seeds = {static_cast<uint64_t>(seed)},
            .out = folder / "circuits"};
  spec.ablation.n_random = options.n_random;
  return spec;
}

/// Computes what is missing of a seed's run; a finished one is only opened.
Store probe(const ReproduceOptions& options, int64_t seed) {
  const Spec spec = probing_spec(options, seed);
  if (std::filesystem::exists(spec.out / "run.sqlite")) {
    Store store = Store::open(spec.out);
    const std::vector<Store::Entry> cells = store.cells();
    if (!cells.empty() && std::ranges::all_of(cells, [](const auto& c) { return c.status == CellStatus::kDone; }))
      return store;
  }
  run(spec, {.quiet = options.quiet, .n_threads = options.n_threads});
  return Store::open(spec.out);
}

/// Values of one column for one variable and block, one per seed.
std::vector<double> collect(const std::vector<Store::Fields>& rows, const Published& published,
                            std::string_view column) {
  std::vector<double> values;
  for (const Store::Fields& row : rows) {
    const auto text = [&](std::string_view name) {
      const auto found = std::ranges::find(row, name, &Store::Field::name);
      return found == row.end() ? std::string() : found->text;
    };
    if (text("variable") != published.variable || text("operation") != published.block) continue;
    if (const std::string value = text(column); !value.empty()) values.push_back(std::stod(value));
  }
  return values;
}

std::string figure(const std::vector<double>& values) {
  if (values.empty()) return "-";
  const Spread s = spread(values);
  return s.n > 1 ? fmt::format("{:.3f} ± {:.3f}", s.mean, s.sd) : fmt::format("{:.3f}", s.mean);
}

}  // namespace

std::string reproduce_experiment1(const ArithmeticTask& task, const ReproduceOptions& options) {
  if (options.n_seeds < 1 || options.steps < 1) {
    throw input_error("reproduce needs at least one seed and one step, found {} and {}", options.n_seeds,
                      options.steps);
  }
  set_threads(options.n_threads > 0 ? options.n_threads : available_threads());
  std::vector<Store::Fields> rows;
  for (int64_t seed = 0; seed < options.n_seeds; ++seed) {
    prepare(task, options, seed);
    for (Store::Fields& fields : probe(options, seed).results()) rows.push_back(std::move(fields));
  }
  std::vector<std::vector<std::string>> lines = {{"variable", "block", "vanilla", "kNN", "(paper)", "kNN full",
                                                  "(paper)", "weights", "(paper)", "ablated", "(paper)",
                                                  "random control", "worst p"}};
  for (const Published& p : kPublished) {
    const auto number = [](double value) { return fmt::format("({:.3f})", value); };
    std::vector<double> sizes = collect(rows, p, "L0 Norm");
    const std::vector<double> largest = collect(rows, p, "L0 Max");
    for (size_t i = 0; i < sizes.size(); ++i) sizes[i] /= largest[i];
    const std::vector<double> p_values = collect(rows, p, "ablated p Test");
    lines.push_back({std::string(p.meaning), std::string(p.block), figure(collect(rows, p, " vanilla acc Test")),
                     figure(collect(rows, p, "knn test acc")), number(p.knn),
                     figure(collect(rows, p, "full model knn test acc")), number(p.full_knn), figure(sizes),
                     number(p.size), figure(collect(rows, p, " ablated acc Test")), number(p.ablated),
                     figure(collect(rows, p, "random ablate acc mean Test")),
                     p_values.empty() ? "-" : fmt::format("{:.3f}", *std::ranges::max_element(p_values))});
  }
  return text_table(lines);
}

}  // namespace cprobe
