#include <algorithm>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cprobe/core/error.h"
#include "cprobe/core/number_text.h"
#include "cprobe/core/text_table.h"
#include "cprobe/probe/exchange.h"
#include "cprobe/probe/probe_cell.h"
#include "cprobe/record/judged_words.h"
#include "cprobe/report/findings_json.h"
#include "cprobe/spec/titles.h"

namespace cprobe {
namespace {

struct ExchangeCommand {
  std::filesystem::path circuit;
  std::filesystem::path spec;
  std::optional<int64_t> n_rows, n_controls, n_nulls;
  int n_threads = 0;
  bool json = false;
};

/// A note of the circuit's origin. @throws Error (kInput) if the file has none of this name.
std::string note_of(const Circuit& circuit, const std::string& name, const std::filesystem::path& file) {
  const auto found = circuit.provenance.find(name);
  if (found == circuit.provenance.end()) {
    throw input_error("{}: does not say its {}; exchange needs a circuit that a run of cprobe found", file.string(),
                      name);
  }
  return found->second;
}

/// Numbers with commas between. As `note_of`. @throws Error (kInput) also for other text.
std::vector<double> numbers_of(const Circuit& circuit, const std::string& name, const std::filesystem::path& file) {
  const std::string text = note_of(circuit, name, file);
  std::vector<double> numbers;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    double number = 0;
    const auto [rest, problem] = std::from_chars(text.data() + begin, text.data() + end, number);
    if (problem != std::errc() || rest != text.data() + end) {
      throw input_error("{}: its {} is '{}', which is no number", file.string(), name, text);
    }
    numbers.push_back(number);
    begin = end + 1;
  }
  return numbers;
}

/// As `numbers_of`, of one number.
double number_of(const Circuit& circuit, const std::string& name, const std::filesystem::path& file) {
  const std::vector<double> numbers = numbers_of(circuit, name, file);
  if (numbers.size() != 1) throw input_error("{}: its {} are several numbers", file.string(), name);
  return numbers.front();
}

/// The share of the types that the circuit's mask never saw.
double share_held_out(const Circuit& circuit, const std::filesystem::path& file) {
  constexpr const char* kNote = "held_out_types";
  if (!circuit.provenance.contains(kNote)) return 0;
  const double share = number_of(circuit, kNote, file);
  if (share >= 0 && share <= kMostHeldOut) return share;
  throw input_error("{}: its {} is {}; expected a share from 0 to {}", file.string(), kNote, share, kMostHeldOut);
}

constexpr const char* kDraws = "exemplar_draws";  ///< Absent from circuits of earlier versions.

/// The options with which the circuit was found, as far as they decide its null circuits.
FindOptions options_of(const Spec& spec, const Circuit& circuit, const std::filesystem::path& file) {
  const auto number = [&](const std::string& name) { return number_of(circuit, name, file); };
  const std::string method = note_of(circuit, "method", file);
  const auto* kind = std::ranges::find_if(kMaskKinds, [&](MaskKind one) { return to_string(one) == method; });
  if (kind == kMaskKinds.end()) throw input_error("{}: unknown mask method '{}'", file.string(), method);
  const std::string seed = note_of(circuit, "seed", file);
  const std::optional<uint64_t> whole_seed = whole_number<uint64_t>(seed);
  if (!whole_seed) throw input_error("{}: its seed is '{}', which is no whole number", file.string(), seed);
  FindOptions options{.position = position_of(note_of(circuit, "position", file)),
                      .mask_method = *kind,
                      .mask_option = number(std::string(mask_option(*kind).key)),
                      .unit = circuit.unit,
                      .exemplar_draws = circuit.provenance.contains(kDraws) ? static_cast<int64_t>(number(kDraws))
                                                                            : spec.probe.exemplar_draws,
                      .seed = *whole_seed};
  options.fit = {.epochs = static_cast<int64_t>(number("epochs")),
                 .batch_size = static_cast<int64_t>(number("batch_size")),
                 .learning_rate = number("learning_rate"),
                 .weight_decay = number("weight_decay"),
                 .l0_weights = numbers_of(circuit, "l0_weight", file),
                 .max_temperature = number("max_temperature")};
  return options;
}

/// A circuit on a path of L0 weights was chosen by types. Its null circuits must be by the same.
void refuse_other_types(const Circuit& circuit, const Types& types, const std::filesystem::path& file) {
  const auto noted = circuit.provenance.find("types");
  if (noted == circuit.provenance.end() || noted->second == types.text()) return;
  throw input_error("{}: was found with types {}, and the spec's are {} (task.type)", file.string(), noted->second,
                    types.text());
}

void print_json(const JudgedFinding& found, const Findings::Exchange& on) {
  const nlohmann::ordered_json line = {{"data", on.data},
                                       {"variable", found.variable},
                                       {"component", to_string(found.component)},
                                       {"n_rows", on.n_rows},
                                       {"donors", to_string(on.donors)},
                                       {"untouched", on.untouched},
                                       {"through_component", through_json(found, &JudgedFinding::through_component)},
                                       {"through_units", through_json(found, &JudgedFinding::through_units)}};
  fmt::print("{}\n", line.dump());
}

std::vector<std::string> line_of(const char* text_of_question, const JudgedFinding& found, Question question,
                                 const std::string& shares) {
  const JudgedQuestion& judged = found.*question;
  const auto text = [](const std::optional<double>& number) { return number ? fmt::format("{:.3f}", *number) : "-"; };
  const std::string nulls =
      judged.null_mean ? fmt::format("{} ± {} ({})", text(judged.null_mean), text(judged.null_sd), judged.n_null) : "-";
  return {found.data,
          text_of_question,
          answer_word(found, question),
          text(judged.statistic),
          nulls,
          judged.p ? p_number(*judged.p) : "-",
          fmt::format("{} to {}", text(judged.lower), text(judged.upper)),
          shares};
}

std::string table_of(const std::vector<std::pair<JudgedFinding, Findings::Exchange>>& all) {
  std::vector<std::vector<std::string>> lines = {{"data", "question", "answer", "statistic",
                                                  "nulls: mean ± sd (number)", "p", "above their mean (95 %)",
                                                  "shares of rows"}};
  for (const auto& [found, on] : all) {
    lines.push_back(line_of("through this component", found, &JudgedFinding::through_component,
                            fmt::format("keep {:.3f}, random halves {:.3f}; moved {:.3f}, null variables {:.3f}",
                                        on.keep, on.keep_halves, on.moved, on.null_moved)));
    const std::string carried =
        on.carried ? fmt::format("carried {:.3f}, left {:.3f}; p against null circuits {}", *on.carried, *on.left,
                                 found.chosen_units.p ? p_number(*found.chosen_units.p) : "-")
                   : "the whole component moves too few rows";
    lines.push_back(line_of("through these units", found, &JudgedFinding::through_units, carried));
  }
  return text_table(lines);
}

/// What donors of sentences are, with a line end; empty where they differ in tokens at known
/// positions.
std::string donors_line(const JudgedFinding& found, const Findings::Exchange& on, const std::string& title) {
  switch (on.donors) {
    case DonorKind::kTokens:
      return {};
    case DonorKind::kWords:
    case DonorKind::kForms:
      return fmt::format(
          "{}: {} exchanged for another of the same {}: {:.3f} of the answers stay; for one of another {}{}: {:.3f} of "
          "the answers that differ become the donor's\n",
          on.data, found.types, title, on.keep, title, on.donors == DonorKind::kForms ? " in the same block" : "",
          on.moved);
    case DonorKind::kRows:
      break;
  }
  return fmt::format("{}: donors are other rows of the same length, which differ in more than {}\n", on.data,
                     found.types);
}

void run_exchange(const ExchangeCommand& command) {
  begin_computing(command.n_threads);
  Spec spec = read_spec_file(command.spec);
  if (spec.probe.protocol == Protocol::kPaper) throw input_error("protocol paper has no null variables");
  if (command.n_rows) spec.probe.exchange.n_rows = *command.n_rows;
  if (command.n_controls) spec.probe.exchange.n_controls = *command.n_controls;
  if (command.n_nulls) spec.probe.null_variables = *command.n_nulls;
  spec.data.measure_behaviour = true;
  const RunData data = load_run_data(spec);
  const Circuit circuit = load_circuit(command.circuit, data.model.config);
  FindOptions options = options_of(spec, circuit, command.circuit);
  const std::string variable = note_of(circuit, "variable", command.circuit);
  if (circuit.extent() != Extent::kPart) {
    throw input_error("{}: an {} circuit; exchange needs a proper part of the component", command.circuit.string(),
                      to_string(circuit.extent()));
  }
  const Model model = controlled_model(spec.model.control, circuit.component(), options.seed, data.model);
  Streams streams(model);
  std::vector<std::pair<JudgedFinding, Findings::Exchange>> all;
  {
    ProgressBar bar;
    const NullHypothesis null = null_hypothesis(data, variable, spec.data.types_of(variable), spec.probe.null_variables,
                                                share_held_out(circuit, command.circuit));
    refuse_other_types(circuit, null.types, command.circuit);
    options.train_rows = rows_to_train_on(data, null);
    options.train_types = types_to_train_on(data, null);
    const std::vector<Circuit> nulls =
        find_null_circuits(model, data, null, circuit.component(), options, streams, bar.on_progress());
    for (const auto& [label, set] : data.evaluation_sets) {
      require_single_tokens(set, "an exchange");
      const std::optional<Findings::Exchange> on = exchange_on(
          model, data, label, set, circuit, nulls, null, spec.probe.exchange, Seed(options.seed), bar.on_progress());
      if (!on) {
        throw input_error(
            "{}: rows have no donors for '{}': its types must be tokens at known positions, or rows be sentences "
            "(task.type), and some value must have two types that rows of the same length have",
            set.source, variable);
      }
      JudgedFinding found = judged_exchange(*on, spec.probe.judge);
      found.variable = variable;
      found.component = circuit.component();
      found.types = null.types.text();
      found.null_kind = to_string(null.variables.kind);
      all.emplace_back(std::move(found), *on);
    }
  }
  if (!command.json) {
    fmt::print("{}", table_of(all));
    const std::string title = title_in(variable_titles(spec, data.titles), variable);
    for (const auto& [found, on] : all) fmt::print("{}", donors_line(found, on, title));
    return;
  }
  for (const auto& [found, on] : all) print_json(found, on);
}

}  // namespace

void setup_exchange(CLI::App& app) {
  const auto options = std::make_shared<ExchangeCommand>();
  CLI::App* command = app.add_subcommand(
      "exchange", "Exchange a component's inputs between rows, and ask what travels through a saved circuit");
  add_option(*command, "circuit", options->circuit, "CIRCUIT.safetensors", "Circuit file of a run")->required();
  add_option(*command, "--spec", options->spec, "SPEC.yaml", "Model, data sets and options")->required();
  const auto count = [&](const char* name, std::optional<int64_t>& value, const char* help) {
    command->add_option(name, value, help)->type_name("N")->check(CLI::NonNegativeNumber);
  };
  count("--rows", options->n_rows, "Rows of each data set (default: the spec's exchange_rows, or 200)");
  count("--random-controls", options->n_controls, "Random sets of the circuit's size (default: the spec's, or 19)");
  count("--null-variables", options->n_nulls,
        "Null variables, whose circuits are found first (default: the spec's, or 19)");
  add_threads_option(*command, options->n_threads);
  command->add_flag("--json", options->json, "One JSON object per line");
  command->footer(
      "A row's donor is the row with the tokens (of a sentence: the words) of its type replaced, by those\n"
      "of another type with the same value, or with another. Does the answer follow the value where the\n"
      "component sees the donor, more than for null variables? And where only the paths through the\n"
      "circuit's units see it, more than for random units? docs/statistics.md, questions 3 and 4;\n"
      "`cprobe fit` asks them of every variable that is present.\n\n"
      "Example (after `cprobe fit examples/exp1.yaml`; CIRCUIT is a file of its folder circuits):\n"
      "  cprobe exchange CIRCUIT --spec examples/exp1.yaml");
  command->callback([options] { run_exchange(*options); });
}

}  // namespace cprobe
