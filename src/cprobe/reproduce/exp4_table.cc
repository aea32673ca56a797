#include "cprobe/reproduce/exp4_table.h"

#include "cprobe/core/text_table.h"
#include "cprobe/record/result_tables.h"
#include "cprobe/reproduce/answers_table.h"
#include "cprobe/reproduce/cell_figures.h"

namespace cprobe {
namespace {

constexpr const char* kPaper = "(paper)";  ///< Heading of the published figures.

/// A line of the table: the circuit of a component, and the effect of ablating the circuit on one
/// evaluation set.
std::vector<std::string> line_of(const ProbedCell& cell, const Findings::OnEvaluationSet& on,
                                 const PublishedModel* model, PaperTask task) {
  const ComponentRef component = cell.settings.cell.component;
  const Findings& f = cell.findings;
  PublishedFigures published;
  if (model != nullptr) published = published_figures(*model, task, component, on.label);
  return {to_string(component),
          std::string(to_string(f.extent())),
          figure_text(&f.knn.test),
          published_figure(published.knn),
          figure_text(&f.full_knn.test),
          figure_text(f.share(), {}),
          published_figure(published.share),
          on.label,
          figure_text(on.untouched, {}),
          published_figure(published.untouched),
          accuracy_text(on.circuit()),
          published_figure(published.ablated),
          accuracy_text(on.random()),
          published_figure(published.random),
          p_text(on.circuit())};
}

/// The answers for each component and set of sentences.
std::string answers_of(const std::vector<ProbedCell>& cells) {
  const std::vector<JudgedFinding> findings = judged_findings(cells);
  std::vector<AnswersLine> lines;
  for (const JudgedFinding& finding : findings) {
    lines.push_back({{to_string(finding.component), finding.data}, {&finding}});
  }
  return answers_table({"site", "sentences"}, lines);
}

void drop_paper_columns(std::vector<std::vector<std::string>>& lines) {
  const std::vector<std::string> heading = lines.front();
  for (std::vector<std::string>& line : lines) {
    for (size_t i = heading.size(); i-- > 0;) {
      if (heading[i] == kPaper) line.erase(line.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

}  // namespace

std::string experiment4_table(const std::vector<ProbedCell>& cells, const PublishedModel* model, PaperTask task) {
  std::vector<std::vector<std::string>> lines = {{"site", "circuit", "kNN", kPaper, "kNN full", "weights", kPaper,
                                                  "sentences", "untouched", kPaper, "ablated", kPaper, "random control",
                                                  kPaper, "p"}};
  for (const ProbedCell& cell : cells) {
    for (const Findings::OnEvaluationSet& on : cell.findings.evaluation_sets)
      lines.push_back(line_of(cell, on, model, task));
  }
  const bool published = model != nullptr && is_published(*model, task);
  if (!published) drop_paper_columns(lines);
  std::string title(task_name(task));
  if (published) title += fmt::format(", in brackets the published figures of {}", model->name);
  if (model != nullptr && !published) title += fmt::format(", of which nothing is published for {}", model->name);
  return fmt::format("{}\n{}\n{}", title, text_table(lines), answers_of(cells));
}

}  // namespace cprobe
