#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/inspect_run.h"
#include "cli/loaded_model.h"
#include "cli/next_tokens.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cprobe/circuit/circuit.h"
#include "cprobe/circuit/head_units.h"
#include "cprobe/core/error.h"
#include "cprobe/core/text_table.h"
#include "cprobe/core/threads.h"
#include "cprobe/io/document_values.h"
#include "cprobe/io/safetensors.h"
#include "cprobe/model/model_folder.h"
#include "cprobe/run/run_folder.h"

namespace cprobe {
namespace {

using Json = nlohmann::ordered_json;
using Lines = std::vector<std::vector<std::string>>;

struct InspectOptions {
  std::filesystem::path path;
  std::filesystem::path model;
  std::optional<std::string> tokens;
  std::optional<std::string> next;
  std::optional<std::filesystem::path> logits;
  std::filesystem::path out;
  std::vector<std::string> continuations;
  std::string special_tokens = "template";
  bool repair = false;
  bool json = false;
};

std::string shape_text(int64_t rows, int64_t columns) {
  return fmt::format("[{}, {}]", rows, columns);
}

// `describe_...` gives the contents of a path as JSON. `print_...` prints that JSON as text.

Json describe_model(const std::filesystem::path& folder) {
  ProgressBar bar;
  bar.show({"read the model", 0, 2});
  const Model model = loaded_model(folder);
  bar.show({"read the model", 1, 2, "fingerprint"});
  const ModelConfig& config = model.config;
  Json json = {{"kind", "model"},
               {"path", folder.string()},
               {"fingerprint", fingerprint(model)},
               {"architecture", config.architecture},
               {"n_layers", config.n_layers},
               {"d_model", config.d_model},
               {"n_heads", config.n_heads},
               {"n_kv_heads", config.n_kv_heads},
               {"d_head", config.d_head},
               {"d_mlp", config.d_mlp},
               {"vocab", config.vocab},
               {"n_positions", config.n_positions},
               {"norm_epsilon", config.norm_epsilon},
               {"tied_unembedding", config.tied_unembedding}};
  int64_t n_weights = 0;
  for (const auto& [name, weight] : model.weights) n_weights += weight.numel();
  json["n_weights"] = n_weights;
  json["matrices"] = Json::array();
  for (Site site = Site::start(); site < Site::end(config); ++site.index) {
    for (const MatrixInfo& matrix : matrices_of(config, site.next())) {
      json["matrices"].push_back({{"component", to_string(matrix.component)},
                                  {"name", matrix.short_name},
                                  {"n_in", matrix.n_in},
                                  {"n_out", matrix.n_out},
                                  {"tensor", matrix.source}});
    }
  }
  return json;
}

/// The places of true in a vector.
std::vector<int64_t> numbers_of(const at::Tensor& member) {
  const at::Tensor places = member.nonzero().squeeze(1).contiguous();
  return {places.data_ptr<int64_t>(), places.data_ptr<int64_t>() + places.size(0)};
}

Json describe_circuit(const InspectOptions& options) {
  const CircuitFile file = read_circuit_file(options.path);
  Json json = {{"kind", "circuit"},
               {"path", options.path.string()},
               {"component", to_string(file.components)},
               {"unit", to_string(file.unit)},
               {"checkpoint_axes", file.transposed ? Json(checkpoint_axes(file)) : Json()},
               {"matrices", Json::array()}};
  for (const auto& [tensor, member] : file.members) {
    json["matrices"].push_back({{"tensor", tensor}, {"units", member.sum().item<int64_t>()}, {"of", member.numel()}});
    if (file.unit == MaskUnit::kHead) json["heads_inside"] = numbers_of(member);
  }
  if (!options.model.empty()) {
    const ModelConfig config = read_model_config(options.model / "config.json");
    const Circuit circuit = load_circuit(options.path, config);
    json["weights"] = circuit.n_weights();
    json["max_weights"] = circuit.max_weights();
    if (has_head_units(file)) {
      const HeadUnits heads = head_units(circuit, config);
      json["heads"] = {{"q", heads.q}, {"k", heads.k}, {"v", heads.v}};
    }
  }
  const auto variable = file.provenance.find("variable");
  if (variable != file.provenance.end()) json["title"] = title_in(titles_beside(options.path), variable->second);
  json["provenance"] = file.provenance;
  const auto cell = file.provenance.find("cell");
  json["answers"] = answers_about(options.path, cell == file.provenance.end() ? std::string() : cell->second);
  return json;
}

std::string value_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// Prints every key that holds a single value, one per line.
void print_values(const Json& json) {
  Lines lines;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_structured()) lines.push_back({key, value_text(value)});
  }
  fmt::print("{}", text_table(lines));
}

void print_model(const Json& json) {
  print_values(json);
  Lines lines = {{"component", "matrix", "[n_in, n_out]", "tensor"}};
  for (const Json& m : json["matrices"]) {
    lines.push_back({m["component"], m["name"], shape_text(m["n_in"], m["n_out"]), m["tensor"]});
  }
  fmt::print("\n{}", text_table(lines));
}

void print_circuit(const Json& json) {
  print_values(json);
  Lines lines = {{"matrix", "units inside", "of", "share"}};
  for (const Json& m : json["matrices"]) {
    const auto units = m["units"].get<int64_t>();
    const auto of = m["of"].get<int64_t>();
    lines.push_back({m["tensor"], std::to_string(units), std::to_string(of),
                     fmt::format("{:.1f} %", 100.0 * static_cast<double>(units) / static_cast<double>(of))});
  }
  fmt::print("\n{}", text_table(lines));
  if (json.contains("heads_inside")) {
    const auto heads = json["heads_inside"].get<std::vector<int64_t>>();
    fmt::print("heads inside: {}\n", heads.empty() ? "none" : fmt::format("{}", fmt::join(heads, ", ")));
  }
  if (json.contains("heads")) {
    lines = {{"head", "queries", "keys", "values"}};
    const Json& heads = json["heads"];
    for (size_t h = 0; h < heads["q"].size(); ++h) {
      // With fewer key/value heads than query heads, several query heads read the same one.
      const size_t kv = h * heads["k"].size() / heads["q"].size();
      lines.push_back({std::to_string(h), heads["q"][h].dump(), heads["k"][kv].dump(), heads["v"][kv].dump()});
    }
    fmt::print("\n{}", text_table(lines));
  }
  if (!json.contains("weights"))
    fmt::print("\nPass --model FOLDER for the number of weights and, of attention, units per head.\n");
  fmt::print("\nprovenance\n");
  print_values(json["provenance"]);
  if (json["answers"].empty()) return;
  fmt::print("\nanswers, with p adjusted over the run\n");
  print_answers(json["answers"]);
}

/// Prints the ids and tokens of a text.
/// @param folder  needs tokenizer files only.
/// @param text    "-" stands for JSON strings on stdin, one per line.
/// @param around  kAll or kNone.
/// @param json    prints one JSON object per text and line.
void print_tokens(const std::filesystem::path& folder, const std::string& text, TemplateTokens around, bool json) {
  const Tokenizer tokenizer = Tokenizer::load(folder);
  for (const std::string& one : texts_of(text)) {
    const std::vector<int64_t> ids = tokenizer.encode(one, around).ids;
    std::vector<std::string> tokens;
    tokens.reserve(ids.size());
    for (const int64_t id : ids) tokens.push_back(tokenizer.token(id));
    if (json) {
      fmt::print("{}\n", Json{{"ids", ids}, {"tokens", tokens}}.dump());
      continue;
    }
    Lines lines = {{"id", "token"}};
    for (size_t i = 0; i < ids.size(); ++i) lines.push_back({std::to_string(ids[i]), tokens[i]});
    fmt::print("{}", text_table(lines));
  }
}

/// Prints the next tokens after a text, with logits and probabilities: the ten likeliest, then the
/// continuations.
/// @param folder         of a model with its tokenizer.
/// @param text           as in `print_tokens`.
/// @param continuations  texts of a single token each.
/// @param around         as in `read_texts`.
/// @param json           prints one JSON object per text and line.
/// @throws Error (kInput) as `read_texts`, `load_model` and `next_tokens`.
void print_next(const std::filesystem::path& folder, const std::string& text,
                const std::vector<std::string>& continuations, TemplateTokens around, bool json) {
  const TextsToContinue texts = read_texts(folder, text, continuations, around);
  if (texts.rows.empty()) return;
  set_threads(available_threads());
  for (const NextTokens& next : next_tokens(loaded_model(folder), texts)) {
    if (json) {
      fmt::print("{}\n", next_tokens_json(next, texts).dump());
      continue;
    }
    Lines lines = {{"id", "token", "logit", "probability"}};
    for (const auto& tokens : {next.top, next.of}) {
      for (const NextToken& t : tokens) {
        lines.push_back(
            {std::to_string(t.id), t.token, fmt::format("{:.4f}", t.logit), fmt::format("{:.4f}", t.probability)});
      }
    }
    fmt::print("{}", text_table(lines));
  }
}

/// The rows of a JSON list of lists of token ids.
std::vector<std::vector<int64_t>> read_rows(const std::filesystem::path& path) {
  const Document json = Document::read_json(path);
  std::vector<std::vector<int64_t>> rows;
  for (const Document& row : json.items()) {
    std::vector<int64_t>& ids = rows.emplace_back();
    for (const Document& id : row.items()) ids.push_back(as_count(id, 0));
    if (ids.empty()) throw row.error("expected at least one token");
  }
  if (rows.empty()) throw json.error("expected at least one row of tokens");
  return rows;
}

/// Writes the logits behind every token of some rows, padded with 0 to the longest row.
/// @throws Error (kInput) as `load_model` and `embed`.
void write_logits(const InspectOptions& options) {
  if (options.out.empty()) throw input_error("--logits needs --out FILE.safetensors, which gets the logits");
  const std::vector<std::vector<int64_t>> rows = read_rows(*options.logits);
  set_threads(available_threads());
  const Model model = loaded_model(options.path);
  const at::NoGradGuard no_gradients;
  const TokenTrie trie = build_trie(rows);
  const at::Tensor states = stream_at(model, trie, Site::end(model.config)).rows;
  const auto n_rows = static_cast<int64_t>(rows.size());
  std::map<std::string, at::Tensor> tensors = {{"logits", at::zeros({n_rows, trie.max_length(), model.config.vocab})},
                                               {"input_ids", at::zeros({n_rows, trie.max_length()}, at::kLong)},
                                               {"lengths", at::zeros({n_rows}, at::kLong)}};
  for (int64_t r = 0; r < n_rows; ++r) {
    const std::vector<int64_t>& row = rows[static_cast<size_t>(r)];
    const auto n = static_cast<int64_t>(row.size());
    const std::span<const int64_t> nodes = trie.row(r);
    const at::Tensor of_row = at::tensor(std::vector<int64_t>(nodes.begin(), nodes.end()), at::kLong);
    tensors["logits"][r].narrow(0, 0, n).copy_(logits(model, states.index_select(0, of_row)));
    tensors["input_ids"][r].narrow(0, 0, n).copy_(at::tensor(row, at::kLong));
    tensors["lengths"][r] = n;
  }
  write_safetensors(options.out, tensors);
}

void run_inspect(const InspectOptions& options) {
  const std::filesystem::path& path = options.path;
  if (options.logits) return write_logits(options);
  if (options.tokens) {
    return print_tokens(path, *options.tokens, template_tokens_of(options.special_tokens, TemplateTokens::kAll),
                        options.json);
  }
  if (options.next) {
    return print_next(path, *options.next, options.continuations,
                      template_tokens_of(options.special_tokens, TemplateTokens::kBefore), options.json);
  }
  const auto print = [&](const Json& json, const auto& print_text) {
    if (options.json) {
      fmt::print("{}\n", json.dump(2));
    } else {
      print_text(json);
    }
  };
  if (holds_run(path)) {
    if (options.repair) return repair_run(path);
    print_run(path, options.json);
  } else if (std::filesystem::exists(path / "config.json")) {
    print(describe_model(path), print_model);
  } else if (std::filesystem::is_regular_file(path) && path.extension() == ".safetensors") {
    print(describe_circuit(options), print_circuit);
  } else if (const std::string instead = what_instead_of_a_model(path); !instead.empty()) {
    throw input_error("{}: {}", path.string(), instead);
  } else {
    throw input_error(
        "{}: {}; expected a model folder (with config.json), a run folder (with run.sqlite) or a circuit file "
        "(.safetensors, in the folder circuits of a run)",
        path.string(), std::filesystem::exists(path) ? "nothing that can be inspected" : "no such file or folder");
  }
}

}  // namespace

void setup_inspect(CLI::App& app) {
  const auto options = std::make_shared<InspectOptions>();
  CLI::App* command = app.add_subcommand("inspect", "Say what a model folder, circuit file or run folder holds");
  add_option(*command, "path", options->path, "PATH", "Model folder, run folder or circuit file")->required();
  add_option(*command, "--model", options->model, "FOLDER",
             "Of a circuit file: its model's folder, for weights and units per head");
  CLI::Option* tokens = add_option(*command, "--tokens", options->tokens, "TEXT",
                                   "Of a folder with a tokenizer: ids and tokens of a text");
  CLI::Option* next =
      add_option(*command, "--next", options->next, "TEXT", "Of a model folder: the likeliest next tokens")
          ->excludes(tokens);
  add_option(*command, "--of", options->continuations, "TEXT", "With --next: also the logits of these next tokens")
      ->needs(next)
      ->allow_extra_args(false);
  add_option(*command, "--logits", options->logits, "IDS.json",
             "Of a model folder: write the logits behind every token of these rows, a list of lists of ids")
      ->excludes(tokens)
      ->excludes(next);
  add_option(*command, "-o,--out", options->out, "FILE", "With --logits: the safetensors file to write");
  add_special_tokens_option(*command, options->special_tokens);
  command->add_flag("--repair", options->repair, "Of a run folder whose record is damaged: keep what is intact of it");
  command->add_flag("--json", options->json, "Print one JSON object; with --tokens and --next one per text and line");
  command->footer(
      "Without --repair nothing is changed, and a run may be going on: it shows how far it is. With - for TEXT, "
      "--tokens and --next read JSON strings from "
      "stdin,\n"
      "one a line.\n\n"
      "Example (after `cprobe reproduce exp1 --steps 1000 --seeds 1 --out runs/exp1`):\n"
      "  cprobe inspect runs/exp1/seed_0/circuits");
  command->callback([options] { run_inspect(*options); });
}

}  // namespace cprobe
