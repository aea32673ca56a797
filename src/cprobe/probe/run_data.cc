#include "cprobe/probe/run_data.h"

#include <algorithm>
#include <iterator>

#include "cprobe/core/device.h"
#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"
#include "cprobe/core/memory.h"
#include "cprobe/data/duplicates.h"
#include "cprobe/data/token_csv.h"
#include "cprobe/data/unseen_classes.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/io/scratch.h"
#include "cprobe/tasks/column_formulas.h"
#include "cprobe/tokenizer/tokenizer.h"

namespace cprobe {
namespace {

std::string file_fingerprint(const std::filesystem::path& path) {
  return to_hex(hash(read_file(path)));
}

/// The settings of a task that earlier versions did not have, as far as they are set.
std::string newer_settings(const LanguageTask& task) {
  const Expectation e = task.expectation.value_or(Expectation());
  const bool is_divided = !(task.split_column + task.split_by).empty() || !task.test.empty();
  std::vector<std::string> probed;
  for (const ProbedPlace& place : task.probed) probed.push_back(place.position().name);
  std::string text;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) text += fmt::format("|{} {}", name, value);
  };
  add("text", task.text_column == "sentence" ? "" : task.text_column);
  add("prompt", task.prompt_column);
  add("probed", fmt::format("{}", fmt::join(probed, ",")));
  add("test", task.test.empty() ? "" : "file");
  add("split", task.split_column);
  add("split_by", task.split_by);
  if (is_divided) add("sizes", fmt::format("{} {}", task.train_rows.value_or(0), task.test_rows.value_or(0)));
  add("expect", task.expectation ? "" : "nothing");
  add("continuation", e.continuation_column);
  add("against", fmt::format("{}", fmt::join(e.against_columns, ",")));
  return text;
}

/// A hash of all settings that, beside the files, decide the sentences of a task.
std::string task_fingerprint(const LanguageTask& task) {
  std::vector<std::string> groups;
  for (const auto& [values, label] : task.groups) groups.push_back(fmt::format("{}={}", values.front(), label));
  const Expectation e = task.expectation.value_or(Expectation());
  const std::string label = e.label_value ? fmt::format("{}={}", e.label_column, *e.label_value) : e.label_column;
  return to_hex(
      hash(fmt::format("{}|{} {} {}|{}|{}|{}|{}|{}|{}|{}|{}|{}{}", task.name, task.train_rows.value_or(kTrainRows),
                       task.test_rows.value_or(kTestRows), task.split_seed, task.prefix, task.variable,
                       task.group_column, fmt::join(groups, ","), e.continuation, fmt::join(e.against, ","), label,
                       e.last_word, e.against_column, newer_settings(task))));
}

std::string bins_text(const Bins& bins) {
  std::vector<std::string> texts;
  for (const auto& [column, n] : bins) texts.push_back(fmt::format("{} {}", column, n));
  return fmt::format("bins {}", fmt::join(texts, ", "));
}

/// Columns that the spec names to tell types and blocks apart.
std::vector<std::string> type_columns(const DataSpec& spec) {
  std::vector<std::string> columns;
  for (const auto& [variable, types] : spec.types) {
    for (const TypeOptions::Part& part : types.parts) {
      if (const auto* column = std::get_if<std::string>(&part)) columns.push_back(*column);
    }
    if (!types.block.empty()) columns.push_back(types.block);
  }
  return columns;
}

void load_language(const std::filesystem::path& model_folder, const DataSpec& spec,
                   const std::vector<std::string>& variables, RunData& data) {
  LanguageTask task = *spec.language;
  task.variables = variables;
  task.type_columns = type_columns(spec);
  task.bins = spec.bins;
  LanguageData sets =
      load_language_data(task, Tokenizer::load(model_folder), data.model.config.vocab, data.model.config.max_row());
  data.train = std::move(sets.train);
  data.test = std::move(sets.test);
  std::ranges::move(sets.notes, std::back_inserter(data.notes));
  data.warnings = std::move(sets.warnings);
  if (!task.expectation) {
    if (spec.measure_behaviour) {
      throw input_error("task '{}': nothing says what the model should say (task.expect), so no behaviour is measured",
                        task.name);
    }
    data.decoded_sets = std::move(sets.evaluation_sets);
  } else if (spec.measure_behaviour) {
    data.evaluation_sets = std::move(sets.evaluation_sets);
  }
  for (const std::filesystem::path& path : {task.sentences, task.test, task.gen}) {
    if (!path.empty()) data.fingerprints.push_back(file_fingerprint(path));
  }
  for (const char* name : {"tokenizer.json", "vocab.json", "merges.txt"}) {
    if (std::filesystem::exists(model_folder / name))
      data.fingerprints.push_back(file_fingerprint(model_folder / name));
  }
  // Cells whose tokens tokenizer.json decides alone keep the identities that earlier versions gave
  // them, which knew no template and no tokenizer_config.json.
  if (!sets.token_fingerprint.empty()) data.fingerprints.push_back(sets.token_fingerprint);
  data.fingerprints.push_back(task_fingerprint(task));
}

void load_arithmetic(const DataSpec& spec, const std::vector<std::string>& variables, RunData& data) {
  std::vector<std::filesystem::path> paths = {spec.train_csv, spec.test_csv};
  std::vector<size_t> of_sets;  // which file each evaluation set is
  if (spec.measure_behaviour) {
    for (const auto& [label, path] : spec.evaluation_csvs) {
      of_sets.push_back(path == spec.test_csv ? 1 : paths.size());
      if (path != spec.test_csv) paths.push_back(path);
    }
  }
  std::vector<Dataset> sets = load_token_csvs(paths, data.model.config.vocab,
                                              {.variables = variables, .bins = spec.bins, .types = type_columns(spec)});
  data.fingerprints.push_back(file_fingerprint(spec.train_csv));
  data.fingerprints.push_back(file_fingerprint(spec.test_csv));
  for (size_t i = 0; i < of_sets.size(); ++i) {
    const auto& [label, path] = spec.evaluation_csvs[i];
    data.evaluation_sets.emplace_back(label, sets[of_sets[i]]);
    data.fingerprints.push_back(file_fingerprint(path));
  }
  data.train = std::move(sets[0]);
  data.test = std::move(sets[1]);
  data.titles = read_column_titles(spec.train_csv);
}

/// Lets the longest row of all data sets decide how the model rotates, if it depends on that.
void settle_longest_row(RunData& data) {
  const bool depends = std::ranges::any_of(
      data.model.config.layers, [](const LayerConfig& layer) { return layer.rotary.scaling.reads_longest_row(); });
  if (!depends) return;
  for (const Dataset* set : data_sets(data)) {
    data.model.config.longest_row = std::max(data.model.config.longest_row, set->trie.max_length());
  }
  data.notes.push_back(fmt::format("rope_scaling depends on the longest row, which has {} tokens in this data",
                                   data.model.config.longest_row));
}

}  // namespace

RunData load_run_data(const ModelSpec& model, const DataSpec& spec, const std::vector<std::string>& variables,
                      at::Device device) {
  RunData data{.model = load_model(model.folder, user_digest_cache())};
  data.notes = data.model.notes;
  data.fingerprints.push_back(fingerprint(data.model));
  if (spec.language) {
    load_language(model.folder, spec, variables, data);
  } else {
    load_arithmetic(spec, variables, data);
  }
  settle_longest_row(data);
  if (!spec.bins.empty()) data.fingerprints.push_back(bins_text(spec.bins));
  if (!device.is_cpu()) data.fingerprints.push_back(device_kind(device));
  for (std::vector<std::string> found :
       {duplicate_warnings(data_sets(data), variables), class_warnings(data_sets(data), variables)}) {
    std::ranges::move(found, std::back_inserter(data.warnings));
  }
  return data;
}

RunData load_run_data(const Spec& spec, at::Device device) {
  RunData data = load_run_data(spec.model, spec.data, spec.grid.variables, device);
  const int64_t n_heads = data.model.config.n_heads, n_kv_heads = data.model.config.n_kv_heads;
  if (spec.probe.unit == MaskUnit::kHead && n_kv_heads < n_heads) {
    data.notes.push_back(
        fmt::format("unit head: {} in each attention block, as every {} of its {} heads share keys and values",
                    n_kv_heads, n_heads / n_kv_heads, n_heads));
  }
  const size_t n_before = data.train.wording ? data.train.wording->encode(data.train.texts.front()).n_before : 0;
  for (const Position& position : spec.grid.positions) {
    if (n_before == 0 || !position.name.empty() || position.index < 0) continue;
    data.warnings.push_back(
        fmt::format("position {} counts the special tokens that the tokenizer puts before each row: the text begins at "
                    "position {}",
                    position.index, n_before));
  }
  return data;
}

std::vector<const Dataset*> data_sets(const RunData& data) {
  std::vector<const Dataset*> sets = {&data.train};
  const auto add = [&](const Dataset& set) {
    if (std::ranges::find(sets, set.identity(), &Dataset::identity) == sets.end()) sets.push_back(&set);
  };
  add(data.test);
  for (const auto& [label, set] : data.evaluation_sets) add(set);
  for (const auto& [label, set] : data.decoded_sets) add(set);
  return sets;
}

size_t place_of(const RunData& data, const Dataset& set) {
  const std::vector<const Dataset*> all = data_sets(data);
  return static_cast<size_t>(std::ranges::find(all, set.identity(), &Dataset::identity) - all.begin());
}

int64_t streams_memory(const RunData& data) {
  int64_t n_bytes = 0;
  for (const Dataset* set : data_sets(data)) n_bytes += stream_bytes(data.model.config, set->trie.n_nodes());
  return n_bytes;
}

NewRows stream_rows(const RunData& data, at::Device device, int64_t memory, const std::filesystem::path& folder) {
  if (streams_memory(data) <= memory) return rows_in_memory;
  if (!device.is_cpu()) {
    throw input_error(
        "residual streams take {} on {}, more than --memory allows ({}); give more, or compute on the CPU, "
        "where they go to scratch files",
        format_bytes(streams_memory(data)), device.str(), format_bytes(memory));
  }
  return [folder](int64_t n_rows, int64_t d_model, at::Device) { return scratch_array(folder, n_rows, d_model); };
}

void check_labels(const Cell& cell, const RunData& data) {
  for (const Dataset* set : data_sets(data)) {
    if (set->trie.max_length() > data.model.config.max_row()) {
      throw input_error("{}: has a row of {} tokens, but the model's context is {}", set->source,
                        set->trie.max_length(), data.model.config.max_row());
    }
  }
  data.train.labelled(cell.variable, cell.position);
  data.test.labelled(cell.variable, cell.position);
}

}  // namespace cprobe
