#include "cprobe/report/reported_findings.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include "cprobe/report/control_runs.h"
#include "cprobe/report/over_models.h"

namespace cprobe {
namespace {

using Cells = std::vector<const ReportedCell*>;

/// Mean and standard deviation of a figure over cells. A single cell keeps its own figure.
Spread over(const Cells& cells, const std::function<Spread(const ReportedCell&)>& figure) {
  if (cells.size() == 1) return figure(*cells.front());
  std::vector<double> values;
  for (const ReportedCell* cell : cells) values.push_back(figure(*cell).mean);
  return spread(values);
}

bool is_empty(const ReportedCell& cell) {
  return cell.findings.extent() == Extent::kEmpty;
}

/// Adds a text to a list that does not have it yet.
void add_new(std::vector<std::string>& texts, const std::string& text) {
  if (std::ranges::find(texts, text) == texts.end()) texts.push_back(text);
}

/// Figures of some cells, with the run of each.
struct OverRuns {
  std::map<size_t, std::vector<double>> values;

  void add(const ReportedCell& cell, double value) { values[cell.run].push_back(value); }
  /// The mean over the cells of one run; of several runs, mean and deviation of these means.
  Spread figure() const {
    std::vector<double> means;
    for (const auto& [run, of_run] : values) means.push_back(spread(of_run).mean);
    return spread(means);
  }
};

std::optional<ReportedPresence> presence_over(const Cells& cells, const std::string& data,
                                              const std::vector<AnswersOfRun>& answers) {
  OverRuns mask, component, input;
  ReportedPresence result;
  std::vector<std::string> positions;
  for (const ReportedCell* cell : cells) {
    const auto on = std::ranges::find(cell->findings.presence, data, &Findings::Presence::data);
    if (on == cell->findings.presence.end() || on->present.interval.n_types == 0) continue;
    mask.add(*cell, on->present.value);
    component.add(*cell, on->whole);
    input.add(*cell, on->present.value - on->made_here.value);
    add_new(positions, on->received_from);
    const std::vector<double>& nulls = on->present.nulls;
    result.null_draws.insert(result.null_draws.end(), nulls.begin(), nulls.end());
  }
  if (mask.values.empty()) return std::nullopt;
  result.input_position = fmt::format("{}", fmt::join(positions, ", "));
  result.mask = mask.figure();
  result.component = component.figure();
  result.input = input.figure();
  std::vector<double> null_means;
  for (const AnswersOfRun& of : answers) {
    const JudgedQuestion& present = of.judged.present;
    if (!present.null_mean) continue;
    null_means.push_back(*present.null_mean);
    result.nulls = {.mean = *present.null_mean, .sd = present.null_sd, .n = present.n_null};
  }
  if (null_means.size() > 1) result.nulls = spread(null_means);
  return result;
}

/// Ablations of one kind over cells: the draws of all, and their spread. A single cell keeps its
/// own spread.
struct OverDraws {
  std::vector<double> means, draws;
  std::optional<Spread> first;

  void add(const AblationResult* ablation) {
    if (ablation == nullptr) return;
    if (!first) first = ablation->accuracy;
    means.push_back(ablation->accuracy.mean);
    draws.insert(draws.end(), ablation->draws.begin(), ablation->draws.end());
  }
  std::optional<Spread> figure(bool is_repeated) const {
    if (means.empty()) return std::nullopt;
    return is_repeated ? spread(means) : *first;
  }
};

/// Adds the notes of a cell's random sets, and its p if they are from the complement.
void describe_random_sets(ReportedAblation& result, const AblationResult& circuit, const AblationResult& random) {
  if (random.random_sets == RandomSets::kUniform) return;
  if (circuit.p) result.complement_p.push_back(*circuit.p);
  add_new(result.notes, "random sets " + random.note());
}

std::optional<ReportedAblation> ablation_over(const Cells& cells, const std::string& data) {
  const bool all_empty = std::ranges::all_of(cells, [](const ReportedCell* cell) { return is_empty(*cell); });
  ReportedAblation result;
  std::vector<double> untouched;
  OverDraws ablated, random, nulls, complement, only_random, component;
  for (const ReportedCell* cell : cells) {
    const Findings::OnEvaluationSet* on = cell->findings.on(data);
    if (on == nullptr || on->circuit() == nullptr || (is_empty(*cell) && !all_empty)) continue;
    const AblationResult& circuit = *on->circuit();
    untouched.push_back(on->untouched);
    ablated.add(&circuit);
    random.add(on->random());
    nulls.add(on->find(AblationTarget::kNull, on->first_fill()));
    complement.add(on->complement());
    only_random.add(on->only_random());
    component.add(on->component());
    result.fill = circuit.fill;
    result.n_rows = std::max(result.n_rows, on->n_rows);
    if (on->random() == nullptr) continue;
    const int64_t n_random = on->random()->accuracy.n;
    result.n_random = result.n_controlled++ == 0 ? n_random : std::min(result.n_random, n_random);
    describe_random_sets(result, circuit, *on->random());
  }
  if (untouched.empty()) return std::nullopt;
  const bool is_repeated = cells.size() > 1;
  result.n_cells = std::ssize(untouched);
  result.untouched = is_repeated ? spread(untouched) : Spread{.mean = untouched.front(), .n = 1};
  result.ablated = *ablated.figure(is_repeated);
  result.random = random.figure(is_repeated);
  result.draws = random.draws;
  result.nulls = nulls.figure(is_repeated);
  result.null_draws = nulls.draws;
  result.complement = complement.figure(is_repeated);
  result.only_random = only_random.figure(is_repeated);
  result.only_random_draws = only_random.draws;
  result.component = component.figure(is_repeated);
  return result;
}

/// The figures of a finding's cells, without what was judged.
void summarise(ReportedFinding& finding, const Cells& cells) {
  finding.knn = over(cells, [](const ReportedCell& cell) { return cell.findings.knn.test; });
  finding.full = over(cells, [](const ReportedCell& cell) { return cell.findings.full_knn.test; });
  finding.share = over(cells, [](const ReportedCell& cell) { return Spread{.mean = cell.findings.share(), .n = 1}; });
  for (const ReportedCell* cell : cells) {
    finding.majority += cell->findings.knn.test_majority / static_cast<double>(cells.size());
    finding.n_tokens = std::max(finding.n_tokens, cell->findings.knn.n_test);
    finding.n_empty += is_empty(*cell) ? 1 : 0;
    finding.n_full += cell->findings.extent() == Extent::kFull ? 1 : 0;
  }
  for (ReportedSet& set : finding.sets) {
    set.presence = presence_over(cells, set.data, set.answers);
    set.ablation = ablation_over(cells, set.data);
  }
}

/// "run" if two runs behind a finding probed the same model, as far as fingerprints are known.
std::string_view noun_of_runs(const ReportData& data, const Cells& cells) {
  std::set<size_t> behind;
  std::set<std::string> fingerprints;
  for (const ReportedCell* cell : cells) {
    if (!behind.insert(cell->run).second) continue;
    const std::string& fingerprint = data.runs[cell->run].model_fingerprint;
    if (!fingerprint.empty() && !fingerprints.insert(fingerprint).second) return "run";
  }
  return "model";
}

/// Judges each run, and adds the answers to the findings.
/// @param finding_of_cell  index in `list` of the finding of each cell.
void add_answers(std::vector<ReportedFinding>& list, const ReportData& data,
                 const std::vector<size_t>& finding_of_cell) {
  for (size_t r = 0; r < data.runs.size(); ++r) {
    std::vector<ProbedCell> cells;
    std::vector<size_t> places;
    for (size_t i = 0; i < data.cells.size(); ++i) {
      if (data.cells[i].run != r) continue;
      cells.push_back(data.cells[i]);
      places.push_back(i);
    }
    for (const JudgedFinding& judged : judged_findings(cells, data.runs[r].judge)) {
      const bool are_parts =
          std::ranges::all_of(judged.cells, [&](size_t i) { return cells[i].findings.extent() == Extent::kPart; });
      std::vector<ReportedSet>& sets = list[finding_of_cell[places[judged.cells.front()]]].sets;
      auto set = std::ranges::find(sets, judged.data, &ReportedSet::data);
      if (set == sets.end()) {
        sets.push_back({.data = judged.data});
        set = std::prev(sets.end());
      }
      set->answers.push_back({.run = r, .judged = judged, .is_circuit = are_parts && is_present(judged)});
    }
  }
}

/// Masks on data without labels of the variable are circuits if they are on the run's first data
/// set.
void carry_circuits_over(ReportedFinding& finding) {
  const std::vector<AnswersOfRun>& first = finding.sets.front().answers;
  for (ReportedSet& set : finding.sets) {
    for (AnswersOfRun& of : set.answers) {
      if (of.judged.present.statistic) continue;
      const auto same_run = std::ranges::find(first, of.run, &AnswersOfRun::run);
      of.is_circuit = same_run != first.end() && same_run->is_circuit;
    }
  }
}

}  // namespace

bool ReportedSet::is_asked(Question question) const {
  return std::ranges::any_of(answers,
                             [&](const AnswersOfRun& of) { return (of.judged.*question).statistic.has_value(); });
}

bool ReportedSet::asks_sufficiency() const {
  return std::ranges::any_of(answers, [](const AnswersOfRun& of) { return of.judged.sufficient.is_asked(); });
}

std::string ReportedSet::answer(Question question) const {
  const std::string word = answer_word(answers.front().judged, question);
  const bool agree =
      std::ranges::all_of(answers, [&](const AnswersOfRun& of) { return answer_word(of.judged, question) == word; });
  return agree ? word : "mixed";
}

const OverModels* ReportedSet::over(Question question) const {
  const auto found = std::ranges::find(over_models, question, &OverModels::question);
  return found == over_models.end() ? nullptr : &*found;
}

int64_t ReportedSet::n_circuits() const {
  return std::ranges::count(answers, true, &AnswersOfRun::is_circuit);
}

std::string ReportedFinding::component() const {
  return fmt::format("L{}.{}", layer, block);
}

const ReportedSet* ReportedFinding::on(std::string_view data) const {
  const auto found = std::ranges::find(sets, data, &ReportedSet::data);
  return found == sets.end() ? nullptr : &*found;
}

std::vector<ReportedFinding> findings(const ReportData& data) {
  std::vector<ReportedFinding> list;
  std::map<std::tuple<std::string, std::optional<int64_t>, std::string, std::string, Position, std::string>, size_t>
      places;
  std::vector<size_t> finding_of_cell;
  std::set<Position> positions;
  for (size_t i = 0; i < data.cells.size(); ++i) {
    const ReportedCell& cell = data.cells[i];
    const ReportedRun& run = data.runs[cell.run];
    const Cell& probed = cell.settings.cell;
    const auto [place, is_new] = places.try_emplace(
        std::tuple(run.series, run.step, probed.variable, to_string(probed.component), probed.position, cell.options),
        list.size());
    if (is_new) {
      list.push_back({.series = run.series,
                      .step = run.step,
                      .variable = probed.variable,
                      .title = title_in(run.titles, probed.variable),
                      .layer = probed.component.layer,
                      .block = std::string(to_string(probed.component.block)),
                      .position = probed.position,
                      .options = cell.options,
                      .control = control_of(cell)});
    }
    list[place->second].cells.push_back(i);
    finding_of_cell.push_back(place->second);
    positions.insert(probed.position);
  }
  add_answers(list, data, finding_of_cell);
  for (ReportedFinding& finding : list) {
    Cells cells;
    for (const size_t i : finding.cells) cells.push_back(&data.cells[i]);
    finding.site = finding.component();
    if (positions.size() > 1) finding.site += fmt::format(" {}", phrase_of(finding.position));
    finding.run_noun = noun_of_runs(data, cells);
    summarise(finding, cells);
    carry_circuits_over(finding);
  }
  add_over_models(list, data);
  match_controls(list, data);
  return list;
}

}  // namespace cprobe
