#include "cprobe/plant/planted_folder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cprobe/data/joined_data.h"
#include "cprobe/data/token_csv.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/plant/planted_batches.h"

namespace cprobe {
namespace {

std::string spec_text(const Truth& truth, int64_t n_train, const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const PlantedVariable& variable : truth.variables) names.push_back(variable.name);
  const std::string at = folder.string();
  const PlantedBatches batches = planted_batches(n_train, MaskKind::kHardConcrete);
  return fmt::format(
      "# A planted model: truth.json beside this file says what is true of each variable.\n"
      "model: {0}\n"
      "task: {{name: planted, train: {0}/train.csv, test: {0}/test.csv}}\n"
      "variables: [{1}]\n"
      "blocks: [attn, mlp]\n"
      "fit: {{batch_size: {2}, epochs: {3}}}\n"
      "out: {0}/run\n",
      at, fmt::join(names, ", "), batches.size, batches.epochs);
}

}  // namespace

Dataset load_planted_rows(const std::filesystem::path& folder, int64_t vocab) {
  const std::array sets = {load_token_csv(folder / "train.csv", vocab), load_token_csv(folder / "test.csv", vocab)};
  Dataset all = joined(sets);
  all.source = folder.string();
  for (const auto& [name, values] : sets[0].variables)
    all.variables[name] = at::cat({values, sets[1].variables.at(name)});
  if (!sets[0].counterfactuals || !sets[1].counterfactuals) return all;
  const std::array sources = {Dataset{.trie = sets[0].counterfactuals->sources, .answers = sets[0].answers},
                              Dataset{.trie = sets[1].counterfactuals->sources, .answers = sets[1].answers}};
  Counterfactuals paired{.sources = joined(sources).trie};
  for (const auto& [name, answers] : sets[0].counterfactuals->answers) {
    const at::Tensor* others = sets[1].counterfactual_answers(name);
    if (others != nullptr) paired.answers[name] = at::cat({answers, *others});
  }
  all.counterfactuals = std::move(paired);
  return all;
}

void write_planted(Planted planted, const std::filesystem::path& folder) {
  save_model(planted.model, folder);
  write_arithmetic_csv(planted.data, folder);
  const Dataset data = load_planted_rows(folder, planted.model.config.vocab);
  check_truth(planted.model, planted.truth, data, Seed(planted.truth.seed));
  measure_importance(planted.truth, planted.model, data, Seed(planted.truth.seed));
  write_file(folder / "spec.yaml", spec_text(planted.truth, std::ssize(planted.data.train), folder));
  save_truth(planted.truth, planted.model.config, folder / kTruthFile);
}

std::vector<PlantedExchange> check_planted(const std::filesystem::path& folder) {
  const Model model = load_model(folder);
  const Truth truth = load_truth(folder / kTruthFile, model.config);
  return check_truth(model, truth, load_planted_rows(folder, model.config.vocab), Seed(truth.seed));
}

}  // namespace cprobe
