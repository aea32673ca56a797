#include "cprobe/report/control_runs.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>

#include "cprobe/report/phrases.h"

namespace cprobe {
namespace {

/// A model's folder as it can be compared: runs/toy and runs/./toy/ are the same.
std::string comparable(const std::string& folder) {
  std::string text = std::filesystem::path(folder).lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

std::set<std::string> models_of(const ReportedFinding& finding, const ReportData& data) {
  std::set<std::string> models;
  for (const size_t i : finding.cells) models.insert(comparable(data.cells[i].settings.model));
  models.erase("");  // Not recorded.
  return models;
}

/// The settings that a control must share with the finding that it stands beside.
CellSettings shared_settings(const ReportedFinding& finding, const ReportData& data) {
  CellSettings settings = data.cells[finding.cells.front()].settings;
  settings.task.clear();
  settings.model.clear();
  settings.cell.seed = settings.data_seed = 0;
  settings.control = ModelControl::kNone;
  return settings;
}

bool is_told(const ReportedSet& on) {
  return std::ranges::any_of(on.answers, [](const AnswersOfRun& of) { return of.judged.present.is_significant(); });
}

}  // namespace

void match_controls(std::vector<ReportedFinding>& findings, const ReportData& data) {
  const bool has_controls = std::ranges::any_of(findings, [](const ReportedFinding& f) { return !f.control.empty(); });
  if (!has_controls) return;
  for (ReportedFinding& trained : findings) {
    if (!trained.control.empty()) continue;
    const std::set<std::string> models = models_of(trained, data);
    const CellSettings settings = shared_settings(trained, data);
    for (size_t i = 0; i < findings.size(); ++i) {
      const ReportedFinding& control = findings[i];
      if (control.control.empty() || shared_settings(control, data) != settings) continue;
      const std::set<std::string> of_control = models_of(control, data);
      if (std::ranges::any_of(of_control, [&](const std::string& model) { return models.contains(model); })) {
        trained.in_controls.push_back(i);
      }
    }
  }
}

std::string answer_of_control(const ReportedFinding& control, const ReportedSet& on) {
  const std::string counts =
      on.answers.size() > 1 ? in_parentheses(answer_counts(control, on, &JudgedFinding::present)) : std::string();
  if (is_present_somewhere(on)) return "also present" + counts;
  if (on.answer(&JudgedFinding::present) == "no") return "not present";
  return answer_counts(control, on, &JudgedFinding::present);
}

std::string controls_verdict(const std::vector<const ReportedFinding*>& findings,
                             const std::vector<ReportedFinding>& all, const std::string& data) {
  /// Components with one answer of one control.
  struct Group {
    std::string control, answer;
    std::vector<std::string> sites;
  };
  std::vector<Group> groups;
  for (const ReportedFinding* f : findings) {
    const ReportedSet* on = f->on(data);
    if (on == nullptr || !is_told(*on)) continue;
    for (const size_t i : f->in_controls) {
      const ReportedSet* there = all[i].on(data);
      if (there == nullptr) continue;
      const std::string answer = answer_of_control(all[i], *there);
      auto group = std::ranges::find_if(
          groups, [&](const Group& g) { return g.control == all[i].control && g.answer == answer; });
      if (group == groups.end()) group = groups.insert(groups.end(), Group{all[i].control, answer, {}});
      group->sites.push_back(f->site);
    }
  }
  std::vector<std::string> sentences;
  for (const auto& [control, answer, sites] : groups) {
    const bool is_present = answer.starts_with("also present");
    std::string sentence = is_present || answer == "not present"
                               ? fmt::format("{} in the negative control {}", answer, control)
                               : fmt::format("whether it is present in the negative control {}: {}", control, answer);
    if (is_present) sentence += fmt::format(": comes from {}", source_in_control(control));
    sentence.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(sentence.front())));
    sentences.push_back(fmt::format("{} ({}).", sentence, sites_text(sites)));
  }
  return fmt::format("{}", fmt::join(sentences, " "));
}

std::string control_of(const ReportedCell& cell) {
  const ModelControl control = cell.settings.control;
  return control == ModelControl::kNone ? std::string() : std::string(to_string(control));
}

std::string runs_of_control(const ReportData& data, const std::string& control) {
  constexpr size_t kMostRuns = 3;
  std::vector<std::string> names;
  bool are_all = true;
  for (const ReportedCell& cell : data.cells) {
    const std::string& name = data.runs[cell.run].name;
    if (control_of(cell) != control) {
      are_all = false;
    } else if (std::ranges::find(names, name) == names.end()) {
      names.push_back(name);
    }
  }
  if (are_all) return {};
  return names.size() > kMostRuns ? fmt::format("{} runs: ", names.size())
                                  : fmt::format("{}: ", fmt::join(names, ", "));
}

std::string_view source_in_control(std::string_view control) {
  if (control == to_string(ModelControl::kShuffledComponent)) return "the component's input, or the search";
  if (control == to_string(ModelControl::kRandomInitKeepEmbeddings)) {
    return "the embeddings, the architecture and the data";
  }
  return "the architecture and the data";
}

std::string control_text(const std::string& control) {
  if (control.empty()) return {};
  std::string_view made = "all weights are random";
  if (control == to_string(ModelControl::kShuffledComponent)) {
    made = "the entries of each matrix of the probed component are in random order";
  } else if (control == to_string(ModelControl::kRandomInitKeepEmbeddings)) {
    made = "all weights but the embeddings are random";
  }
  return fmt::format(
      "Negative control ({}): {}. What is present here comes from {}. None of it is a finding about the trained model.",
      control, made, source_in_control(control));
}

}  // namespace cprobe
