#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/events.h"
#include "cli/inspect_run.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cprobe/circuit/circuit_sets.h"
#include "cprobe/core/error.h"
#include "cprobe/core/text_table.h"
#include "cprobe/evaluate/overlap.h"

namespace cprobe {
namespace {

using Json = nlohmann::ordered_json;
using Lines = std::vector<std::vector<std::string>>;

struct CompareCommand {
  std::vector<std::filesystem::path> paths;
  std::filesystem::path model;
  std::map<SetOperation, std::filesystem::path> outputs;
  bool overwrite = false;
  bool json = false;
};

/// Two circuits, by their places in the list of circuits, and their overlap.
struct Pair {
  size_t first = 0;
  size_t second = 0;
  CircuitOverlap overlap;
};

std::string entry(const CircuitFile& circuit, const std::string& key) {
  const auto found = circuit.provenance.find(key);
  return found == circuit.provenance.end() ? "" : found->second;
}

std::string probability_text(const std::optional<double>& p) {
  if (!p) return "-";
  return *p == 0 ? "<1e-300" : fmt::format("{:.3g}", *p);
}

std::string iou_text(const SharedCounts& counts) {
  const std::optional<double> iou = counts.iou();
  return iou ? fmt::format("{:.3f}", *iou) : "-";
}

std::string circuits_table(const std::vector<CircuitFile>& circuits) {
  Lines lines = {{"", "variable", "seed", "units", "of", "circuit", "file"}};
  for (size_t i = 0; i < circuits.size(); ++i) {
    const CircuitFile& c = circuits[i];
    const std::string variable = title_and_column(titles_beside(c.source), entry(c, "variable"));
    lines.push_back({std::to_string(i + 1), variable, entry(c, "seed"), std::to_string(c.n_units()),
                     std::to_string(c.max_units()), std::string(to_string(c.extent())), c.source});
  }
  return text_table(lines);
}

std::string overlaps_table(const std::vector<Pair>& pairs, MaskUnit unit) {
  Lines lines = {{"circuits", "matrix", "counted", "of", "first", "second", "both", "by chance", "IoU", "p more",
                  "p fewer", "note"}};
  const auto add = [&](const Pair& pair, const Overlap& overlap, const std::string& counted, const SharedCounts& counts,
                       const std::vector<std::string>& last) {
    lines.push_back({fmt::format("{}, {}", pair.first + 1, pair.second + 1), overlap.matrix, counted,
                     std::to_string(counts.n), std::to_string(counts.n_a), std::to_string(counts.n_b),
                     std::to_string(counts.both), last[0], iou_text(counts), last[1], last[2], last[3]});
  };
  const std::string units = std::string(to_string(unit)) + "s";
  for (const Pair& pair : pairs) {
    std::vector<Overlap> all = pair.overlap.matrices;
    all.push_back(pair.overlap.all);
    for (const Overlap& o : all) {
      add(pair, o, units, o.units,
          {fmt::format("{:.1f}", o.expected), probability_text(o.p_more), probability_text(o.p_fewer), o.note});
    }
    const Overlap& last = pair.overlap.all;
    if (last.weights && unit != MaskUnit::kWeight) add(pair, last, "weights", *last.weights, {"", "", "", ""});
  }
  return text_table(lines);
}

Json to_json(const SharedCounts& counts) {
  const std::optional<double> iou = counts.iou();
  return {{"of", counts.n},      {"first", counts.n_a},       {"second", counts.n_b},
          {"both", counts.both}, {"either", counts.either()}, {"iou", iou ? Json(*iou) : Json()}};
}

Json to_json(const Overlap& overlap) {
  const auto number = [](const std::optional<double>& p) { return p ? Json(*p) : Json(); };
  return {{"matrix", overlap.matrix},
          {"units", to_json(overlap.units)},
          {"weights", overlap.weights ? to_json(*overlap.weights) : Json()},
          {"expected", overlap.expected},
          {"p_more", number(overlap.p_more)},
          {"p_fewer", number(overlap.p_fewer)},
          {"note", overlap.note}};
}

std::string overlaps_json(const std::vector<CircuitFile>& circuits, const std::vector<Pair>& pairs) {
  std::string lines;
  for (const Pair& pair : pairs) {
    const CircuitFile& first = circuits[pair.first];
    Json line = {{"first", first.source},
                 {"second", circuits[pair.second].source},
                 {"component", to_string(first.components)},
                 {"unit", to_string(first.unit)},
                 {"matrices", Json::array()}};
    for (const Overlap& overlap : pair.overlap.matrices) line["matrices"].push_back(to_json(overlap));
    line["all"] = to_json(pair.overlap.all);
    lines += line.dump() + "\n";
  }
  return lines;
}

std::vector<Pair> all_pairs(const std::vector<CircuitFile>& circuits, const ModelConfig* config) {
  std::vector<Pair> pairs;
  const auto n = static_cast<int64_t>(circuits.size());
  ProgressBar bar;
  const int64_t n_pairs = n * (n - 1) / 2;
  for (size_t i = 0; i < circuits.size(); ++i) {
    for (size_t j = i + 1; j < circuits.size(); ++j) {
      pairs.push_back({i, j, overlap(circuits[i], circuits[j], config)});
      bar.show({"compare", std::ssize(pairs), n_pairs});
    }
  }
  return pairs;
}

void write(SetOperation operation, const std::vector<CircuitFile>& circuits, const CompareCommand& command) {
  const std::filesystem::path& path = command.outputs.at(operation);
  const CircuitFile made = combine(operation, circuits);
  save_circuit(made, path);
  say_line(fmt::format("{}: {} of {} units ({}), in {}", to_string(operation), made.n_units(), made.max_units(),
                       to_string(made.extent()), path.string()));
}

/// Prints a note if the circuits were found in different models. Units with the same number are
/// unrelated in separately trained models, but related in two steps of one training.
void note_other_models(const std::vector<CircuitFile>& circuits) {
  const auto model = [](const CircuitFile& circuit) { return entry(circuit, "model_fingerprint"); };
  const auto other = std::ranges::find_if(circuits, [&](const CircuitFile& circuit) {
    return !model(circuit).empty() && !model(circuits.front()).empty() &&
           are_of_different_models(model(circuit), model(circuits.front()));
  });
  if (other == circuits.end()) return;
  say(Message::Kind::kNote,
      fmt::format("{} and {} were found in different models; unless one was trained from the other, units of equal "
                  "number have nothing to do with each other",
                  circuits.front().source, other->source));
}

void run_compare(const CompareCommand& command) {
  for (const auto& [operation, path] : command.outputs) {
    if (command.overwrite || !std::filesystem::exists(path)) continue;
    throw input_error("{}: exists already; give --{} another name, or --overwrite", path.string(),
                      to_string(operation));
  }
  std::vector<CircuitFile> circuits;
  for (const std::filesystem::path& path : command.paths) circuits.push_back(read_circuit_file(path));
  note_other_models(circuits);
  std::optional<ModelConfig> config;
  if (!command.model.empty()) config = read_model_config(command.model / "config.json");
  const std::vector<Pair> pairs = all_pairs(circuits, config ? &*config : nullptr);
  for (const auto& [operation, path] : command.outputs) write(operation, circuits, command);
  if (command.json) {
    fmt::print("{}", overlaps_json(circuits, pairs));
    return;
  }
  const CircuitFile& first = circuits.front();
  fmt::print("{}, unit {}\n\n{}\n{}", to_string(first.components), to_string(first.unit), circuits_table(circuits),
             overlaps_table(pairs, first.unit));
  if (!pairs.front().overlap.all.weights) fmt::print("\nPass --model FOLDER for the number of weights in common.\n");
}

}  // namespace

void setup_compare(CLI::App& app) {
  const auto options = std::make_shared<CompareCommand>();
  CLI::App* command = app.add_subcommand(
      "compare", "Overlap of circuits of the same components, beside chance; their union, intersection and difference");
  add_option(*command, "circuits", options->paths, "CIRCUIT.safetensors",
             "Two or more circuit files; with more, every pair is compared")
      ->required()
      ->expected(2, -1);
  add_option(*command, "--model", options->model, "FOLDER", "Their model's folder, for numbers of weights");
  const auto add_output = [&](SetOperation operation, const char* what) {
    command
        ->add_option_function<std::string>(
            fmt::format("--{}", to_string(operation)),
            [options, operation](const std::string& path) { options->outputs[operation] = path; }, what)
        ->type_name("OUT.safetensors");
  };
  add_output(SetOperation::kUnion, "Write the units of any of the circuits as a circuit file");
  add_output(SetOperation::kIntersection, "Write the units that all circuits have");
  add_output(SetOperation::kDifference, "Write the units of the first circuit that no other has");
  command->add_flag("--overwrite", options->overwrite, "Replace these files where they exist");
  command->add_flag("--json", options->json, "One JSON object per pair and line");
  command->footer(
      "p more and p fewer: chance that random circuits with as many units of each matrix have as many units in common "
      "or\n"
      "more, or fewer.\n\n"
      "Example (after `cprobe reproduce exp1 --steps 1000 --seeds 1 --out runs/exp1`):\n"
      "  cprobe compare runs/exp1/seed_0/circuits/circuits/var_?.L0.attn.*.safetensors \\\n"
      "    --model runs/exp1/seed_0/final --intersection runs/exp1/both_squares.safetensors\n"
      "  cprobe ablate runs/exp1/both_squares.safetensors \\\n"
      "    --model runs/exp1/seed_0/final --data runs/exp1/seed_0/data/test.csv");
  command->callback([options] { run_compare(*options); });
}

}  // namespace cprobe
