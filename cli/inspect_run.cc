#include "cli/inspect_run.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/progress_bar.h"
#include "cprobe/core/error.h"
#include "cprobe/core/text_table.h"
#include "cprobe/record/judged_words.h"
#include "cprobe/record/result_tables.h"
#include "cprobe/run/run_folder.h"
#include "cprobe/run/run_lock.h"

namespace cprobe {
namespace {

using Json = nlohmann::ordered_json;
using Lines = std::vector<std::vector<std::string>>;

/// How far a run has come.
struct Standing {
  bool is_at_work = false;
  std::map<CellStatus, int64_t> n_cells;
  int64_t n_shards = 0, n_shards_at_work = 0;
  double seconds_left = 0;  ///< Expected. 0 if nothing was measured.

  int64_t n(CellStatus status) const { return n_cells.contains(status) ? n_cells.at(status) : 0; }
};

/// A cell's status. If no process works in the folder, a "running" cell was left by a killed
/// process and is planned again.
CellStatus status_now(const CellEntry& cell, bool is_at_work) {
  return cell.status == CellStatus::kRunning && !is_at_work ? CellStatus::kPlanned : cell.status;
}

Standing standing_of(const std::filesystem::path& folder, const Store& store) {
  Standing standing{.is_at_work = RunLock::is_held(folder)};
  for (const CellEntry& cell : store.cells()) {
    const CellStatus status = status_now(cell, standing.is_at_work);
    ++standing.n_cells[status];
    if (status == CellStatus::kPlanned) standing.seconds_left += cell.expected;
    // On average, half of a running cell's time is left.
    if (status == CellStatus::kRunning) standing.seconds_left += cell.expected / 2;
  }
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "shards", none)) {
    if (!holds_run(entry.path())) continue;
    ++standing.n_shards;
    standing.n_shards_at_work += RunLock::is_held(entry.path()) ? 1 : 0;
  }
  standing.seconds_left /= static_cast<double>(std::max<int64_t>(1, standing.n(CellStatus::kRunning)));
  return standing;
}

std::string standing_text(const Standing& standing) {
  std::string text =
      fmt::format("{} done, {} running, {} failed, {} to come", standing.n(CellStatus::kDone),
                  standing.n(CellStatus::kRunning), standing.n(CellStatus::kFailed), standing.n(CellStatus::kPlanned));
  if (standing.n_shards_at_work > 0) return text + fmt::format("; {} shards at work", standing.n_shards_at_work);
  if (!standing.is_at_work) return text + "; no process works on it";
  if (standing.seconds_left > 0) text += fmt::format("; about {} left", format_duration(standing.seconds_left));
  return text;
}

Json call_json(const Invocation& call) {
  return {{"started", call.started}, {"command", call.command},   {"version", call.version}, {"host", call.host},
          {"jobs", call.n_jobs},     {"threads", call.n_threads}, {"model", call.model},     {"spec", call.spec}};
}

Json parsed_lines(const std::string& text) {
  Json array = Json::array();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) array.push_back(Json::parse(line));
  return array;
}

Json run_json(const std::filesystem::path& folder, const Store& store, const Standing& standing) {
  Json json = {{"kind", "run"},
               {"path", folder.string()},
               {"at_work", standing.is_at_work},
               {"done", standing.n(CellStatus::kDone)},
               {"running", standing.n(CellStatus::kRunning)},
               {"failed", standing.n(CellStatus::kFailed)},
               {"to_come", standing.n(CellStatus::kPlanned)},
               {"seconds_left", standing.is_at_work ? standing.seconds_left : 0},
               {"cells_of_other_specs", store.n_unplanned()},
               {"invocations", Json::array()},
               {"cells", Json::array()}};
  for (const Invocation& call : store.invocations()) json["invocations"].push_back(call_json(call));
  for (const CellEntry& cell : store.cells()) {
    json["cells"].push_back({{"id", cell.id},
                             {"method", cell.method},
                             {"label", cell.label},
                             {"status", to_string(status_now(cell, standing.is_at_work))},
                             {"seconds", cell.seconds},
                             {"error", cell.error}});
  }
  json["results"] = parsed_lines(results_json(store));
  json["figures"] = parsed_lines(methods_json(store));
  return json;
}

/// What the columns with answers ask. Empty if the table has no such columns.
std::string questions_note(const Store& store) {
  const std::vector<JudgedFinding> findings = judged_findings(store.probed());
  std::string lines;
  for (const auto& [asked, name, text] : kQuestions) {
    const Question question = asked;  // Clang 14 does not capture bindings.
    const bool is_asked =
        std::ranges::any_of(findings, [&](const JudgedFinding& f) { return (f.*question).is_asked(); });
    if (is_asked) lines += fmt::format("  {}: {}\n", name, text);
  }
  return lines.empty() ? lines : fmt::format("Questions, with the adjusted p beside each answer:\n{}", lines);
}

}  // namespace

Json answers_about(const std::filesystem::path& circuit, const std::string& cell) {
  Json answers = Json::array();
  const std::filesystem::path folder = std::filesystem::absolute(circuit).parent_path().parent_path();
  if (cell.empty() || !holds_run(folder)) return answers;
  std::vector<ProbedCell> cells;
  try {
    cells = open_to_read(folder).probed();
  } catch (const Error&) {
    return answers;  // The circuit is sound, whatever its run's record is.
  }
  for (const JudgedFinding& finding : judged_findings(cells)) {
    if (std::ranges::none_of(finding.cells, [&](size_t i) { return cells[i].id == cell; })) continue;
    for (const auto& [question, name, text] : kQuestions) {
      const JudgedQuestion& asked = finding.*question;
      if (!asked.is_asked()) continue;
      answers.push_back({{"data", finding.data},
                         {"name", name},
                         {"question", text},
                         {"answer", question == &JudgedFinding::made_here && asked.answer == VerdictWord::kReceived
                                        ? fmt::format("received from {}", finding.received_from)
                                        : answer_words(finding, question)},
                         {"p_adjusted", asked.shown_p_adjusted() ? Json(*asked.shown_p_adjusted()) : Json()}});
    }
  }
  return answers;
}

Titles titles_beside(const std::filesystem::path& circuit) {
  const std::filesystem::path folder = std::filesystem::absolute(circuit).parent_path().parent_path();
  if (!holds_run(folder)) return {};
  try {
    return open_to_read(folder).titles();
  } catch (const Error&) {
    return {};  // The circuit is sound, whatever its run's record is.
  }
}

void print_answers(const Json& answers) {
  Lines lines = {{"data", "question", "answer", "p"}};
  for (const Json& a : answers) {
    lines.push_back({a["data"], a["question"], a["answer"],
                     a["p_adjusted"].is_null() ? kNoFigure : p_number(a["p_adjusted"].get<double>())});
  }
  fmt::print("{}", text_table(lines));
}

void print_run(const std::filesystem::path& folder, bool json) {
  const Store store = open_to_read(folder);
  const Store::Snapshot snapshot(store);
  const Standing standing = standing_of(folder, store);
  if (json) {
    fmt::print("{}\n", run_json(folder, store, standing).dump(2, ' ', false, Json::error_handler_t::replace));
    return;
  }
  Lines lines = {{"run", folder.string()}, {"cells", standing_text(standing)}};
  if (store.n_unplanned() > 0) lines.push_back({"of other specs", std::to_string(store.n_unplanned())});
  const std::vector<Invocation> calls = store.invocations();
  if (!calls.empty()) {
    const Invocation& last = calls.back();
    lines.push_back({"calls", std::to_string(calls.size())});
    lines.push_back({"the last", last.command});
    lines.push_back({"at", last.started});
    lines.push_back({"with", last.version});
    lines.push_back(
        {"on", fmt::format("{}, {} cells at once, {} threads each", last.host, last.n_jobs, last.n_threads)});
    lines.push_back({"model", last.model});
  }
  if (standing.n_shards > 0) {
    lines.push_back(
        {"shards", fmt::format("{}, {} of them at work; what they found since the last merge is not counted "
                               "here: cprobe merge {}",
                               standing.n_shards, standing.n_shards_at_work, folder.string())});
  }
  fmt::print("{}", text_table(lines));
  if (!calls.empty() && !calls.back().spec.empty()) fmt::print("\nspec\n{}", calls.back().spec);

  lines = {{"cell", "status", "time", "error"}};
  bool has_results = false;
  for (const CellEntry& cell : store.cells()) {
    const CellStatus status = status_now(cell, standing.is_at_work);
    const std::string time = status == CellStatus::kDone ? format_duration(cell.seconds) : "-";
    lines.push_back({cell.label, std::string(to_string(status)), time, cell.error});
    has_results = has_results || status == CellStatus::kDone;
  }
  fmt::print("\n{}", text_table(lines));
  if (!store.result_rows().empty()) fmt::print("\n{}{}", results_table(store), questions_note(store));
  if (has_results && !methods_json(store).empty()) fmt::print("\n{}", methods_table(store));
}

void repair_run(const std::filesystem::path& folder) {
  const RunLock lock(folder, false);
  const Store::Repaired repaired = Store::repair(folder);
  fmt::print("{} finished cells are intact, {} are not and will be computed again", repaired.n_intact,
             repaired.lost.size());
  fmt::print("{}\n", repaired.lost.empty() ? "" : ":");
  for (const std::string& label : repaired.lost) fmt::print("  {}\n", label);
  fmt::print("The damaged record is now {}\n", repaired.damaged.string());
}

}  // namespace cprobe
