#include "cprobe/spec/spec_values.h"

namespace cprobe {
namespace {

/// Reads the keys of a language task. The data seed also divides the rows, as in the reference.
LanguageTask read_flat_language(const Document& yaml, PaperTask which) {
  LanguageTask task = language_task(which);
  task.sentences = yaml.at("data_path").as_text();
  if (which != PaperTask::kSyntacticNumber) task.gen = yaml.at("gen_path").as_text();
  task.train_rows = as_count(yaml.at("train_size"), 1);
  task.test_rows = as_count(yaml.at("test_size"), 1);
  task.split_seed = as_data_seed(yaml.at("data_seed"));
  return task;
}

void read_flat_arithmetic(const Document& yaml, Spec& spec) {
  spec.data.train_csv = yaml.at("train_data_path").as_text();
  spec.data.test_csv = yaml.at("test_data_path").as_text();
  spec.data.evaluation_csvs = {{"Test", spec.data.test_csv}};
  if (spec.data.task == "multitask") {
    spec.data.evaluation_csvs = {{"Same", yaml.at("lm_same_task_path").as_text()},
                                 {"Different", yaml.at("lm_different_task_path").as_text()}};
    spec.probe.ablation.per_matrix = true;
  }
  spec.grid.variables = list_of(yaml.at("variable"), &Document::as_text);
}

/// Notes the keys that have no effect: those of other kinds of task, and those for output that only
/// the reference makes.
void note_ignored_keys(const Document& yaml, Spec& spec) {
  const auto ignore = [&](std::initializer_list<std::string_view> keys) {
    for (const std::string_view key : keys) {
      if (yaml.find(key) != nullptr) spec.ignored_keys.emplace_back(key);
    }
  };
  ignore({"gif", "gif_interval", "model_dir", "save_models"});
  if (spec.data.task != "multitask") ignore({"lm_same_task_path", "lm_different_task_path"});
  if (spec.data.language) {
    ignore({"train_data_path", "test_data_path", "variable"});
    if (spec.data.language->gen.empty()) ignore({"gen_path"});
  } else {
    ignore({"data_path", "gen_path", "train_size", "test_size"});
  }
}

}  // namespace

Spec parse_flat_spec(const Document& yaml, std::optional<MaskKind> method) {
  yaml.require_known_keys({"model_path", "random_init", "reinit_embeddings", "layer_reinit", "target_layer_list",
                           "operation_list", "mask_init_list", "max_temp", "probe_index_list", "train_data_path",
                           "test_data_path", "data_path", "gen_path", "train_size", "test_size", "variable", "task",
                           "num_epochs", "lr_list", "batch_size_list", "data_seed", "l0_lambda", "model_seed_list",
                           "num_random_ablations", "lm_eval", "results_dir", "lm_same_task_path",
                           "lm_different_task_path",
                           // Ignored.
                           "gif", "gif_interval", "model_dir", "save_models"});
  Spec spec{.probe = {.protocol = Protocol::kPaper}};
  set_method(spec, method.value_or(usual_method(Protocol::kPaper)));
  spec.probe.ablation = {.n_random = 0, .complement = false};
  spec.model.folder = yaml.at("model_path").as_text();
  spec.data.task = yaml.at("task").as_text();
  if (const std::optional<PaperTask> known = find_paper_task(spec.data.task)) {
    spec.data.language = read_flat_language(yaml, *known);
    spec.grid.variables = {spec.data.task};
  } else {
    read_flat_arithmetic(yaml, spec);
  }
  if_given(yaml, "lm_eval", [&](const Document& v) { spec.data.measure_behaviour = v.as_bool(); });
  spec.grid.layers = list_of(yaml.at("target_layer_list"), layer_of);
  spec.grid.blocks = list_of(yaml.at("operation_list"), block_of);
  spec.grid.positions = list_of(yaml.at("probe_index_list"), index_of);
  spec.grid.seeds = list_of(yaml.at("model_seed_list"), as_seed);
  spec.grid.learning_rates = list_of(yaml.at("lr_list"), as_positive);
  spec.grid.batch_sizes = list_of(yaml.at("batch_size_list"), batch_of);
  spec.grid.batch_follows_data = false;
  const std::vector<double> starts = list_of(yaml.at("mask_init_list"), &Document::as_number);
  if (spec.probe.mask_method == MaskKind::kContinuousSparsification) spec.grid.mask_options = starts;
  spec.probe.data_seed = as_data_seed(yaml.at("data_seed"));
  spec.probe.fit.epochs = as_count(yaml.at("num_epochs"), 0);
  spec.probe.fit.l0_weights = {as_at_least(yaml.at("l0_lambda"), 0)};
  spec.probe.fit.max_temperature = as_at_least(yaml.at("max_temp"), 1);
  if_given(yaml, "num_random_ablations", [&](const Document& v) { spec.probe.ablation.n_random = as_count(v, 0); });
  const auto flag = [&](std::string_view key, bool otherwise) {
    const Document* value = yaml.find(key);
    return value == nullptr ? otherwise : value->as_bool();
  };
  if (flag("random_init", false) && flag("layer_reinit", false)) {
    throw yaml.at("layer_reinit").error("only one of random_init and layer_reinit can be the negative control");
  }
  if (flag("random_init", false)) {
    spec.model.control =
        flag("reinit_embeddings", true) ? ModelControl::kRandomInit : ModelControl::kRandomInitKeepEmbeddings;
  } else if (flag("layer_reinit", false)) {
    spec.model.control = ModelControl::kShuffledComponent;
  }
  if_given(yaml, "results_dir", [&](const Document& v) { spec.out = v.as_text(); });
  note_ignored_keys(yaml, spec);
  return spec;
}

}  // namespace cprobe
