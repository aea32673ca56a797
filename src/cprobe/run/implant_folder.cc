#include "cprobe/run/implant_folder.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cprobe/circuit/mask_options.h"
#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"
#include "cprobe/core/number_text.h"
#include "cprobe/data/types.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/io/csv.h"

namespace cprobe {
namespace {

// The column of the words that an implant's types are told by, where the data have none.
constexpr const char* kImplantTypeColumn = "implant_type";
constexpr const char* kTokensColumn = "data";

/// The files of a task with their names in an implant's folder; no file twice.
std::vector<std::pair<std::filesystem::path, std::string>> files_of(const DataSpec& data) {
  if (data.language) {
    std::vector<std::pair<std::filesystem::path, std::string>> files = {{data.language->sentences, "sentences.csv"}};
    if (!data.language->test.empty()) files.emplace_back(data.language->test, "test.csv");
    if (!data.language->gen.empty()) files.emplace_back(data.language->gen, "gen.csv");
    return files;
  }
  std::vector<std::pair<std::filesystem::path, std::string>> files = {{data.train_csv, "train.csv"}};
  const auto add = [&](const std::filesystem::path& path, const std::string& name) {
    const auto known = std::ranges::find(files, path, [](const auto& file) { return file.first; });
    if (known == files.end()) files.emplace_back(path, name);
  };
  add(data.test_csv, "test.csv");
  for (const auto& [label, path] : data.evaluation_csvs) add(path, fmt::format("evaluation_{}.csv", files.size() - 1));
  return files;
}

std::string name_in_folder(const DataSpec& data, const std::filesystem::path& path) {
  for (const auto& [file, name] : files_of(data)) {
    if (file == path) return name;
  }
  throw failure("{} is no file of the task", path.string());
}

std::string_view nth(const std::vector<std::string_view>& words, int64_t n) {
  const int64_t i = n < 0 ? n + std::ssize(words) : n;
  return i >= 0 && i < std::ssize(words) ? words[static_cast<size_t>(i)] : std::string_view();
}

/// The column of a file that holds a variable. (A language task's own variable has the task's
/// name.)
std::string column_of(const Spec& spec, const std::string& variable) {
  const bool is_own = spec.data.language && variable == spec.data.language->name;
  return is_own ? spec.data.language->variable : variable;
}

/// The text by which a row of a data set tells its type.
std::vector<std::string> texts_of(const Dataset& set, const ImplantTypes& types) {
  std::vector<std::string> texts;
  const auto add_numbers = [&](const at::Tensor& numbers) {
    const at::Tensor list = numbers.to(at::kLong).contiguous();
    for (int64_t row = 0; row < list.size(0); ++row) texts.push_back(std::to_string(list.data_ptr<int64_t>()[row]));
  };
  if (!types.variable.empty()) {
    add_numbers(set.variables.at(types.variable));
  } else if (types.position) {
    add_numbers(set.trie.token.index_select(0, set.trie.nodes_at(*types.position, set.source)));
  } else if (types.word) {
    for (const std::string& text : set.texts) texts.emplace_back(nth(words_of(text), *types.word));
  } else {
    texts = set.type_columns.at(types.column);
  }
  return texts;
}

/// The same for the rows of a file.
std::vector<std::string> texts_of(const CsvTable& table, const ImplantTypes& types, const Spec& spec) {
  std::vector<std::string> texts;
  if (!types.variable.empty()) {
    for (const int64_t value : table.integers(column_of(spec, types.variable))) texts.push_back(std::to_string(value));
  } else if (types.position) {
    for (const std::vector<int64_t>& row : table.integer_lists(kTokensColumn)) {
      const int64_t i = *types.position < 0 ? *types.position + std::ssize(row) : *types.position;
      texts.push_back(i >= 0 && i < std::ssize(row) ? std::to_string(row[static_cast<size_t>(i)]) : "");
    }
  } else if (types.word) {
    std::vector<std::string> sentences = table.text(spec.data.language->text_column);
    if (const std::string& prompt = spec.data.language->prompt_column; !prompt.empty()) {
      const std::vector<std::string> prompts = table.text(prompt);
      for (size_t row = 0; row < prompts.size(); ++row) sentences[row] += prompts[row];
    }
    for (const std::string& text : sentences) texts.emplace_back(nth(words_of(text), *types.word));
  } else {
    texts = table.text(types.column);
  }
  return texts;
}

/// Numbers the types in all rows of all files, in the order of their texts.
void number_types(const ImplantHost& host, ImplantTypes& types) {
  for (const auto& [path, name] : files_of(host.spec.data)) {
    for (const std::string& text : texts_of(CsvTable::read(path), types, host.spec)) types.number.try_emplace(text, 0);
  }
  for (auto& [text, number] : types.number) number = types.n_types++;
  for (const Dataset* set : data_sets(host.data)) {
    std::vector<int64_t> of_rows;
    for (const std::string& text : texts_of(*set, types)) of_rows.push_back(types.number.at(text));
    types.of_rows.push_back(at::tensor(of_rows, at::kLong));
  }
}

/// The parts of the types of a spec's variables, then variables that one part decides.
std::vector<ImplantTypes> possible_types(const ImplantHost& host) {
  std::vector<ImplantTypes> parts, merged;
  const std::vector<const Dataset*> sets = data_sets(host.data);
  for (const std::string& variable : host.spec.grid.variables) {
    const Types types = find_types(sets, variable, host.spec.data.types_of(variable));
    for (size_t p = 0; p < types.parts.size(); ++p) {
      ImplantTypes part{.text = types.parts[p]};
      if (!types.positions.empty()) part.position = types.positions[p];
      if (!types.words.empty() && types.words[p].column.empty()) part.word = types.words[p].word;
      if (!types.words.empty()) part.column = types.words[p].column;
      if (types.positions.empty() && types.words.empty()) continue;
      const bool is_everywhere = std::ranges::all_of(types.has_variable, [](bool has) { return has; });
      if (types.parts.size() == 1 && is_everywhere) {
        merged.push_back(part);
        merged.back().variable = variable;
        merged.back().text = fmt::format("the values of {}", variable);
      }
      if (std::ranges::find(parts, part.text, &ImplantTypes::text) == parts.end()) parts.push_back(part);
    }
  }
  if (parts.empty()) {
    throw input_error(
        "{}: an implant is a function of a token, a word or a column, and the spec's variables ({}) are functions of "
        "none; name one under task.type",
        host.data.train.source, fmt::join(host.spec.grid.variables, ", "));
  }
  parts.insert(parts.end(), merged.begin(), merged.end());
  for (ImplantTypes& types : parts) number_types(host, types);
  return parts;
}

nlohmann::ordered_json quoted(const std::string& text) {
  return text;
}

nlohmann::ordered_json place_json(const ProbedPlace& place) {
  switch (place.kind) {
    case ProbedPlace::Kind::kWord:
      return {{"word", place.column}, {"occurrence", place.last_occurrence ? "last" : "first"}};
    case ProbedPlace::Kind::kCharacters:
      return {{"start", place.column}, {"end", place.end_column}};
    case ProbedPlace::Kind::kToken:
      return {{"token", place.column}};
  }
  throw failure("a kind of place without a form");
}

nlohmann::ordered_json expectation_json(const Expectation& expected) {
  if (expected.last_word) return {{"last_word_against", expected.against_column}};
  const auto column = [](const std::string& name) { return nlohmann::ordered_json{{"column", name}}; };
  nlohmann::ordered_json json, against = expected.against;
  json["continuation"] = expected.continuation;
  if (!expected.continuation_column.empty()) json["continuation"] = column(expected.continuation_column);
  for (const std::string& name : expected.against_columns) against.push_back(column(name));
  json["against"] = against;
  if (expected.label_value) {
    json["where"] = {{expected.label_column, *expected.label_value}};
  } else if (!expected.label_column.empty()) {
    json["where"] = expected.label_column;
  }
  return json;
}

/// A map of a spec as YAML in one line. JSON texts are YAML.
std::string task_text(const Spec& spec) {
  const TypeOptions::Part& part = spec.data.types.at(std::string(kImplantVariable)).parts.front();
  nlohmann::ordered_json task;
  if (spec.data.language) {
    const LanguageTask& language = *spec.data.language;
    task = {{"name", language.name},
            {language.test.empty() ? "sentences" : "train", language.sentences.string()},
            {"text", language.text_column}};
    if (!language.test.empty()) task["test"] = language.test.string();
    if (!language.gen.empty()) task["gen"] = language.gen.string();
    if (!language.prompt_column.empty()) task["prompt"] = language.prompt_column;
    for (const ProbedPlace& place : language.probed) task["at"].push_back(place_json(place));
    if (!language.split_column.empty()) task["split"] = language.split_column;
    if (!language.split_by.empty()) task["split_by"] = language.split_by;
    if (language.train_rows) task["train_rows"] = *language.train_rows;
    if (language.test_rows) task["test_rows"] = *language.test_rows;
    task["split_seed"] = language.split_seed;
    task["prefix"] = language.prefix;
    if (language.around == TemplateTokens::kNone) task["special_tokens"] = "none";
    if (language.expectation) task["expect"] = expectation_json(*language.expectation);
    if (!language.group_column.empty()) {
      nlohmann::ordered_json values;
      for (const RowGroup& group : language.groups) values[group.label] = group.values;
      task["groups"] = {{"column", language.group_column}, {"values", values}};
    }
  } else {
    task = {{"name", spec.data.task}, {"train", spec.data.train_csv.string()}, {"test", spec.data.test_csv.string()}};
    task["behaviour"] = nlohmann::ordered_json::object();
    for (const auto& [label, path] : spec.data.evaluation_csvs) task["behaviour"][label] = path.string();
  }
  const auto* column = std::get_if<std::string>(&part);
  task["type"][std::string(kImplantVariable)] = column != nullptr
                                                    ? nlohmann::ordered_json::array({*column})
                                                    : nlohmann::ordered_json::array({std::get<int64_t>(part)});
  return task.dump();
}

std::string spec_text(const Spec& spec) {
  const ProbeSpec& probe = spec.probe;
  const nlohmann::ordered_json evaluate = {{"null_variables", probe.null_variables},
                                           {"exemplar_draws", probe.exemplar_draws},
                                           {"held_out_types", probe.held_out_types},
                                           {"random_controls", probe.ablation.n_random},
                                           {"smallest_effect", probe.judge.smallest_effect}};
  const MaskOption option = mask_option(probe.mask_method);
  nlohmann::ordered_json fit = {{"method", to_string(probe.mask_method)},
                                {"unit", to_string(probe.unit)},
                                {"epochs", probe.fit.epochs},
                                {"learning_rate", spec.grid.learning_rates.front()},
                                {"weight_decay", probe.fit.weight_decay},
                                {"l0_weight", "auto"},
                                {"max_temperature", probe.fit.max_temperature}};
  if (!probe.fit.l0_weights.empty()) fit["l0_weight"] = probe.fit.l0_weights;
  const int64_t batch_size = spec.grid.batch_sizes.front();
  if (!spec.grid.batch_follows_data || batch_size != kBatchSize) fit["batch_size"] = batch_size;
  fit[std::string(option.key)] = spec.grid.mask_options.front();
  const Position& probed = spec.grid.positions.front();
  const std::string position = probed.name.empty() ? fmt::format("position: {}\n", probed.index) : "";
  return fmt::format(
      "# A model with an implant: truth.json beside this file says which units compute it.\n"
      "model: {}\ntask: {}\nvariables: [{}]\nlayers: [{}]\nblocks: [mlp]\n{}seeds: [{}]\nfit: {}\n"
      "evaluate: {}\nout: {}\n",
      quoted(spec.model.folder.string()).dump(), task_text(spec), kImplantVariable, spec.grid.layers.front(), position,
      spec.grid.seeds.front(), fit.dump(), evaluate.dump(), quoted(spec.out.string()).dump());
}

/// Writes the task's files with the column `implant` and, for words, a column of these.
void write_files(const ImplantHost& host, const Implant& implant, const std::filesystem::path& folder) {
  const ImplantTypes& types = host.types[implant.types];
  for (const auto& [path, name] : files_of(host.spec.data)) {
    const CsvTable table = CsvTable::read(path);
    std::vector<std::string> header = table.columns();
    std::vector<std::vector<std::string>> columns;
    columns.reserve(header.size() + 2);
    for (const std::string& column : header) columns.push_back(table.text(column));
    header.emplace_back(kImplantVariable);
    std::vector<std::string>& values = columns.emplace_back();
    for (const std::string& text : texts_of(table, types, host.spec)) {
      const auto type = static_cast<size_t>(types.number.at(text));
      values.push_back(std::to_string(implant.design.partition.class_of_type[type]));
    }
    if (types.word) {
      header.emplace_back(kImplantTypeColumn);
      ImplantTypes words = types;
      words.variable.clear();
      columns.push_back(texts_of(table, words, host.spec));
    }
    std::vector<std::vector<std::string>> records(table.n_rows());
    for (const std::vector<std::string>& column : columns) {
      for (size_t row = 0; row < records.size(); ++row) records[row].push_back(column[row]);
    }
    write_file(folder / name, csv_text(header, records));
  }
}

/// Copies what a tokenizer is read from.
void copy_tokenizer(const std::filesystem::path& from, const std::filesystem::path& folder) {
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt",
                           "special_tokens_map.json", "added_tokens.json"}) {
    if (std::filesystem::exists(from / name)) write_file(folder / name, read_file(from / name));
  }
}

/// The test data of a host with the values of an implant.
Dataset implant_data(const ImplantHost& host, const Implant& implant) {
  Dataset data = host.data.test;
  const at::Tensor& types = host.types[implant.types].of_rows[place_of(host.data, host.data.test)];
  data.variables[std::string(kImplantVariable)] =
      at::tensor(implant.design.partition.class_of_type, at::kLong).index_select(0, types);
  return data;
}

}  // namespace

ImplantHost implant_host(Spec spec, const std::filesystem::path& into) {
  if (!into.empty()) spec.model.folder = into;
  spec.data.measure_behaviour = true;
  for (const auto& [path, name] : files_of(spec.data)) {
    const CsvTable table = CsvTable::read(path);
    for (const std::string_view column : {kImplantVariable, std::string_view(kImplantTypeColumn)}) {
      if (table.has_column(column)) {
        throw input_error("{}: has a column '{}' already; give a spec whose data have no implant", table.source(),
                          column);
      }
    }
  }
  ImplantHost host{.spec = std::move(spec)};
  host.data = load_run_data(host.spec);
  host.types = possible_types(host);
  host.accuracy = task_accuracy(host.data.model, host.data.test);
  return host;
}

ComponentRef first_mlp(const Spec& spec) {
  if (std::ranges::find(spec.grid.blocks, Block::kMlp) == spec.grid.blocks.end()) {
    throw input_error(
        "the spec's blocks have no MLP, and only MLPs can be implanted into, as attention has no hidden units; name "
        "one: --component L{}.mlp",
        spec.grid.layers.empty() ? 0 : spec.grid.layers.front());
  }
  return {spec.grid.layers.empty() ? 0 : spec.grid.layers.front(), Block::kMlp};
}

Implant design_implant(const ImplantHost& host, const ImplantOptions& options, Seed seed, size_t from) {
  require_implantable(host.data.model.config, options.component);
  const std::vector<const Dataset*> sets = data_sets(host.data);
  std::optional<Error> first_problem;
  for (size_t t = from; t < host.types.size(); ++t) {
    const ImplantTypes& types = host.types[t];
    std::vector<TypedRows> rows;
    for (size_t s = 0; s < sets.size(); ++s) rows.push_back({sets[s], types.of_rows[s]});
    try {
      const ImplantPartition partition = draw_partition(types.n_types, options, seed);
      return {design_implant(host.data.model, rows, partition, options, seed), t, seed};
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      if (!first_problem) first_problem = input_error("{} ({})", error.what(), types.text);
    }
  }
  throw *first_problem;
}

Truth truth_of(const ImplantHost& host, const Implant& implant, double strength) {
  ModelConfig config = host.data.model.config;
  config.d_mlp += implant.design.options.n_units;
  Truth truth =
      implant_truth(config, implant.design, std::string(kImplantVariable), strength, host.accuracy, implant.seed);
  truth.knobs["function_of"] = host.types[implant.types].text;
  truth.knobs["host"] = host.data.fingerprints.front();
  truth.knobs["host_data"] = to_hex(hash(fmt::format("{}", fmt::join(host.data.fingerprints, ","))));
  return truth;
}

Spec spec_of(const ImplantHost& host, const Implant& implant, const std::filesystem::path& folder) {
  Spec spec = host.spec;
  spec.model = {.folder = folder};
  spec.baselines.reset();
  spec.out = folder / "run";
  if (spec.data.language) {
    LanguageTask& language = *spec.data.language;
    language.sentences = folder / "sentences.csv";
    if (!language.test.empty()) language.test = folder / "test.csv";
    if (!language.gen.empty()) language.gen = folder / "gen.csv";
  } else {
    for (auto& [label, path] : spec.data.evaluation_csvs) path = folder / name_in_folder(host.spec.data, path);
    spec.data.train_csv = folder / "train.csv";
    spec.data.test_csv = folder / name_in_folder(host.spec.data, spec.data.test_csv);
  }
  const ImplantTypes& types = host.types[implant.types];
  TypeOptions::Part part = types.word ? kImplantTypeColumn : types.column;
  if (types.position) part = *types.position;
  spec.data.types = {{std::string(kImplantVariable), {.parts = {part}}}};
  const ImplantOptions& options = implant.design.options;
  spec.grid.variables = {std::string(kImplantVariable)};
  spec.grid.layers = {options.component.layer};
  spec.grid.blocks = {Block::kMlp};
  spec.grid.positions = {options.position};
  if (spec.data.language) {
    std::erase_if(spec.data.language->probed,
                  [&](const ProbedPlace& place) { return place.position() != options.position; });
  }
  spec.grid.seeds.resize(1);
  spec.grid.learning_rates.resize(1);
  spec.grid.batch_sizes.resize(1);
  spec.grid.mask_options.resize(1);
  spec.grid.fit_numbers.resize(1);
  spec.probe.protocol = Protocol::kDefault;
  spec.text = spec_text(spec);
  return spec;
}

CheckedImplant write_implant(const ImplantHost& host, const Implant& implant, double strength,
                             const std::filesystem::path& folder, bool check_answers) {
  std::error_code none;
  if (std::filesystem::equivalent(folder, host.spec.model.folder, none)) {
    throw input_error("{}: is the folder of the model itself; an implant needs a folder of its own", folder.string());
  }
  const Model model = implanted(host.data.model, implant.design, strength);
  Truth truth = truth_of(host, implant, strength);
  const Dataset data = implant_data(host, implant);
  CheckedImplant checked{.accuracy = check_answers ? check_behaviour(model, truth, data) : task_accuracy(model, data)};
  checked.exchanges = check_units(model, truth, data, implant.seed);
  truth.knobs["accuracy"] = fmt::format("{}", checked.accuracy);
  measure_importance(truth, model, data, implant.seed);
  save_model(model, folder);
  copy_tokenizer(host.spec.model.folder, folder);
  write_files(host, implant, folder);
  write_file(folder / "spec.yaml", spec_of(host, implant, folder).text);
  save_truth(truth, model.config, folder / kTruthFile);
  return checked;
}

CheckedImplant check_implant(const std::filesystem::path& folder) {
  const Spec spec = parse_spec(Document::read_yaml(folder / "spec.yaml"));
  const RunData data = load_run_data(spec);
  const Truth truth = load_truth(folder / kTruthFile, data.model.config);
  return {check_behaviour(data.model, truth, data.test), check_units(data.model, truth, data.test, Seed(truth.seed))};
}

}  // namespace cprobe
