/// How often the program finds an effect where none is: real searches for masks, ablations and
/// exchanges on small models, with random circuits and variables that mean nothing.
/// docs/statistics.md has the tables and says what they mean. Prints Markdown to stdout, and
/// progress to stderr.
///
///     scripts/calibrate --size small
///
/// Each variable has null variables of its own. Taking each of K + 1 null variables in turn for the
/// real one would cost a twentieth, and find .05 whatever the program does: the exact property of
/// max_t holds for any table.

#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/calibration_cells.h"
#include "bench/calibration_counts.h"
#include "cprobe/core/memory.h"

namespace cprobe::bench {
namespace {

/// How much is computed.
struct Size {
  int64_t models = 1;      ///< Trained models.
  int64_t steps = 1000;    ///< Of training each.
  int64_t circuits = 5;    ///< Runs of four random circuits in each block, for each share and model.
  int64_t variables = 20;  ///< Runs of variables that mean nothing, for each model.
  int64_t planted = 5;     ///< Planted tables.
};

std::optional<Size> size_of(std::string_view name) {
  if (name == "tiny") return Size{.steps = 300, .circuits = 1, .variables = 2, .planted = 1};
  if (name == "small") return Size{.circuits = 5, .variables = 10, .planted = 10};
  if (name == "medium") return Size{.models = 3, .circuits = 25, .variables = 60, .planted = 20};
  if (name == "full") return Size{.models = 3, .circuits = 60, .variables = 150, .planted = 40};
  return std::nullopt;
}

bool any_significant(const std::vector<CountedP>& p) {
  return std::ranges::any_of(p, &CountedP::is_significant);
}

// Random circuits.

/// What one run of four random circuits in each block found.
struct CircuitRun {
  std::vector<std::pair<Block, bool>> deletion, exchange;  ///< Whether p <= .05, for each circuit.
  std::vector<bool> by_complement;                         ///< The same of deletion in the MLP.
  bool any_deletion = false, any_exchange = false;         ///< Whether any adjusted p <= .05.
  bool any_yes = false;                                    ///< "weights needed" of any circuit.
  bool any_with_one_stream = false;                        ///< As any_deletion, with the same draws for all circuits.
};

/// Random sets as they were drawn before each circuit had a stream of its own.
BesideNulls with_one_stream(const AblationBench& bench, const Circuit& circuit, uint64_t seed) {
  const auto harm = [&](const std::vector<at::Tensor>& units) {
    return bench.untouched() - bench.measure(removing(units), Fill::kZero, Seed(seed)).accuracy;
  };
  BesideNulls beside{.value = harm(circuit.members)};
  beside.nulls = over_random_units(circuit.members, RandomSets::kUniform, kNulls, Seed(seed).generator(),
                                   [&](const std::vector<at::Tensor>& units, int64_t) { return harm(units); });
  return beside;
}

CircuitRun random_circuits(Toy& toy, double share, uint64_t seed, bool compare) {
  CircuitRun run;
  RunData& data = toy.data();
  add_variable(data, toy.rows(), "answer", toy.rows().all.answers);
  std::vector<ProbedCell> cells;
  std::vector<BesideNulls> one_stream, units;
  for (const Block block : kBlocks) {
    const ComponentRef component{0, block};
    for (int64_t i = 0; i < 4; ++i) {
      const std::string name = "random " + std::to_string(i);
      const Seed of_circuit = Seed(seed).derive(name).derive(to_string(block));
      const Circuit circuit = random_circuit(data.model.config, component, share, name, of_circuit);
      cells.push_back(random_cell(toy, circuit, name, seed, RandomSets::kUniform, true));
      const Findings::Exchange& exchange = cells.back().findings.exchanges.at(0);
      if (exchange.carried) {
        units.push_back({exchange.units.value, exchange.units.nulls});
        run.exchange.emplace_back(block, p_of(units.back()).is_significant());
      }
      if (!compare) continue;
      const Site site = Site::before(component);
      const AblationBench bench(data.model, component, data.test, toy.streams().at(data.test, site),
                                toy.streams().untouched(data.test));
      one_stream.push_back(with_one_stream(bench, circuit, seed));
      if (block == Block::kAttention) continue;
      const ProbedCell other = random_cell(toy, circuit, name, seed, RandomSets::kComplement, false);
      run.by_complement.push_back(*other.findings.evaluation_sets.at(0).circuit()->p <= .05 + 1e-9);
    }
  }
  for (const JudgedFinding& finding : judged_findings(cells)) {
    run.deletion.emplace_back(finding.component.block, *finding.weights_needed.p <= .05 + 1e-9);
    run.any_deletion = run.any_deletion || finding.weights_needed.is_significant();
    run.any_yes = run.any_yes || finding.weights_needed.answer == VerdictWord::kYes;
  }
  run.any_exchange = any_significant(max_t(units, JudgeOptions().smallest_effect));
  run.any_with_one_stream = any_significant(max_t(one_stream, JudgeOptions().smallest_effect));
  return run;
}

void report_random_circuits(const Models& models, const Size& size, Seed seed) {
  Counts one("Random circuits beside random sets: share with p <= .05", "model, share of each matrix");
  Counts any("Runs of eight random circuits: share with any adjusted p <= .05", "model, share of each matrix");
  Counts pooled("The same, all shares", "model");
  Counts old("For comparison: controls that are not exchangeable", "model, share of each matrix");
  for (const std::string kind : {"trained", "untrained"}) {
    for (const double share : {.05, .1, .2, .3, .45, .5, .6}) {
      const bool compare = kind == "trained" && (share == .3 || share == .45);
      const std::string row = fmt::format("{}, {:.2f}", kind, share);
      const std::vector<CircuitRun> runs = in_parallel("random circuits, " + row, size.circuits, [&](int64_t i) {
        const Seed of_run = seed.derive("circuits").derive(row).derive(std::to_string(i));
        return random_circuits(*models.of_run(kind, i, of_run.derive("model")), share, of_run.value(), compare);
      });
      for (const CircuitRun& run : runs) {
        const auto add = [&](Block block, std::string_view question, bool found) {
          const std::string column = fmt::format("{}: {}", to_string(block), question);
          one.add(row, column, found);
          pooled.add(kind, column, found);
        };
        for (const auto& [block, found] : run.deletion) add(block, "deletion", found);
        for (const auto& [block, found] : run.exchange) add(block, "exchange", found);
        for (Counts* counts : {&any, &pooled}) {
          const std::string& name = counts == &any ? row : kind;
          counts->add(name, "any of eight: deletion", run.any_deletion);
          counts->add(name, "deletion: yes", run.any_yes);
          counts->add(name, "exchange", run.any_exchange);
        }
        if (!compare) continue;
        for (const bool found : run.by_complement) old.add(row, "MLP: sets from the complement", found);
        old.add(row, "any of eight: one stream for all circuits", run.any_with_one_stream);
      }
    }
  }
  one.print();
  any.print();
  pooled.print();
  old.print();
}

// Variables that mean nothing.

/// The statistics of the questions about one cell. Empty: not asked.
std::map<std::string, BesideNulls> questions_of(const NullCell& null) {
  std::map<std::string, BesideNulls> asked;
  const Findings::Presence& on = null.cell.findings.presence.at(0);
  asked["1 present"] = {on.present.value, on.present.nulls};
  asked["2 made here (D)"] = {on.made_here.value, on.made_here.nulls};
  for (const Findings::Exchange& exchange : null.cell.findings.exchanges) {
    asked["3 through component"] = {exchange.effect.value, exchange.effect.nulls};
    if (!exchange.carried) continue;
    asked["4 units, V's donors"] = {exchange.units.value, exchange.units_of_nulls};
    if (!null.units_of_own_donors.empty()) {
      asked["5 units, own donors"] = {exchange.units.value, null.units_of_own_donors};
    }
  }
  return asked;
}

/// What one run with a variable of each kind in each block found.
struct VariableRun {
  struct OfTable {
    NullTable table;
    std::map<std::string, bool> found;  ///< By question: whether any of both blocks has p_adj <= .05.
    std::set<std::string> yes;          ///< Questions with the answer yes.
  };
  std::vector<OfTable> tables;
  std::map<std::string, bool> found;  ///< The same over all variables and blocks.
  bool any_yes = false;
};

std::map<std::string, bool> found_in(const std::map<std::string, std::vector<BesideNulls>>& families) {
  std::map<std::string, bool> found;
  for (const auto& [question, family] : families)
    found[question] = any_significant(max_t(family, JudgeOptions().smallest_effect));
  return found;
}

VariableRun useless_variables(Toy& toy, Search search, Seed seed) {
  VariableRun run;
  std::vector<ProbedCell> all_cells;
  std::map<std::string, std::vector<BesideNulls>> all;
  for (const NullTable table : kNullTables) {
    const std::string name(name_of_table(table));
    add_variable(toy.data(), toy.rows(), name, drawn_table(table, seed));
    std::map<std::string, std::vector<BesideNulls>> of_table;
    for (const Block block : kBlocks) {
      const NullCell null = probed_cell(toy.data(), toy.streams(), name, types_of_table(table), {0, block},
                                        calibration_options(seed.value(), search), true);
      for (const auto& [question, beside] : questions_of(null)) {
        of_table[question].push_back(beside);
        all[question].push_back(beside);
      }
      all_cells.push_back(null.cell);
    }
    run.tables.push_back({.table = table, .found = found_in(of_table)});
  }
  run.found = found_in(all);
  for (const JudgedFinding& finding : judged_findings(all_cells)) {
    run.any_yes = run.any_yes || finding.present.answer == VerdictWord::kYes;
  }
  return run;
}

void report_useless_variables(const Models& models, const Size& size, Seed seed) {
  Counts counts("Variables that mean nothing: share of runs with any adjusted p <= .05 in both blocks",
                "model, variable");
  Counts pooled("The same, all kinds of variables", "model");
  Counts all("All six variables in both blocks as one family", "model");
  for (const std::string& kind : Models::kinds()) {
    const std::vector<VariableRun> runs =
        in_parallel("variables that mean nothing, " + kind, size.variables, [&](int64_t i) {
          const Seed of_run = seed.derive("variables").derive(kind).derive(std::to_string(i));
          const Search search = i % 2 == 0 ? Search::kDefault : Search::kPapers;
          return useless_variables(*models.of_run(kind, i, of_run.derive("model")), search, of_run);
        });
    for (size_t i = 0; i < runs.size(); ++i) {
      const VariableRun& run = runs[i];
      for (const VariableRun::OfTable& of : run.tables) {
        for (const auto& [question, found] : of.found) {
          counts.add(fmt::format("{}, {}", kind, name_of_table(of.table)), question, found);
          pooled.add(kind, question, found);
        }
      }
      std::vector<std::string> names = {kind};
      if (kind == "trained") names.push_back(fmt::format("model {} of these", i % static_cast<size_t>(size.models)));
      for (const std::string& name : names) {
        for (const auto& [question, found] : run.found) all.add(name, question, found);
        all.add(name, "present: yes", run.any_yes);
      }
    }
  }
  counts.print();
  pooled.print();
  all.print();
}

// Variables that are there.

void report_power(const Models& models, const Size& size, Seed seed) {
  Counts counts("Variables that are there: share of runs that say yes", "model, variable");
  const auto count = [&](const std::string& row, const ProbedCell& cell) {
    const JudgedFinding finding = judged_findings({cell}).front();
    const auto is_yes = [](const JudgedQuestion& question) { return question.answer == VerdictWord::kYes; };
    counts.add(row, "present", is_yes(finding.present));
    counts.add(row, "made here", is_yes(finding.made_here));
    counts.add(row, "received", finding.made_here.answer == VerdictWord::kReceived);
    counts.add(row, "through component", is_yes(finding.through_component));
    counts.add(row, "through units", is_yes(finding.through_units));
    counts.add(row, "chosen by V", finding.chosen_units.is_significant());
  };
  for (const Search search : {Search::kDefault, Search::kPapers}) {
    for (const ProbedCell& cell : in_parallel("planted tables", size.planted, [&](int64_t i) {
           const Seed of_run = seed.derive("planted").derive(std::to_string(i));
           const RunData data = planted_table(of_run);
           Streams streams(data.model);
           const FindOptions options = calibration_options(of_run.value(), search, 150);
           return probed_cell(data, streams, "V", {}, {0, Block::kMlp}, options).cell;
         })) {
      count(fmt::format("planted table, MLP; {} search", search == Search::kDefault ? "default" : "paper's"), cell);
    }
  }
  const at::Tensor squares = at::arange(kOperands).square().remainder(kOperands).repeat_interleave(kOperands);
  for (const ProbedCell& cell : in_parallel("a^2 in trained models", 2 * size.models, [&](int64_t i) {
         const std::unique_ptr<Toy> toy = models.of_run("trained", i / 2, seed);
         add_variable(toy->data(), toy->rows(), "a^2", squares);
         const ComponentRef component{0, kBlocks[static_cast<size_t>(i % 2)]};
         return probed_cell(toy->data(), toy->streams(), "a^2", types_of_table(NullTable::kToken), component,
                            calibration_options(0, Search::kDefault))
             .cell;
       })) {
    count(fmt::format("trained, a^2, {}", to_string(cell.settings.cell.component.block)), cell);
  }
  counts.print();
}

}  // namespace
}  // namespace cprobe::bench

int main(int argc, char** argv) {
  using namespace cprobe;
  const auto size = bench::size_of(argc > 1 ? argv[1] : "");
  if (!size || argc > 4) {
    fmt::print(stderr, "usage: verdict_calibration tiny|small|medium|full [SEED [power|circuits|variables]]\n");
    return 2;
  }
  try {
    keep_freed_memory();
    set_threads(1);
    const Seed seed(argc > 2 ? std::stoull(argv[2]) : 0);
    const bench::ToyRows rows = bench::toy_rows();
    const bench::Models models(rows, size->models, size->steps, seed);
    const std::string part = argc > 3 ? argv[3] : "";
    if (part.empty() || part == "power") bench::report_power(models, *size, seed);
    if (part.empty() || part == "circuits") bench::report_random_circuits(models, *size, seed);
    if (part.empty() || part == "variables") bench::report_useless_variables(models, *size, seed);
  } catch (const std::exception& error) {
    fmt::print(stderr, "\nverdict_calibration: {}\n", error.what());
    return 1;
  }
}
