#include "cprobe/experiment/exp4_table.h"

#include "cprobe/core/text_table.h"
#include "cprobe/experiment/reproduce_parts.h"
#include "cprobe/experiment/tables.h"

namespace cprobe {
namespace {

constexpr const char* kPaper = "(paper)";  ///< Heading of the published figures.

std::string figure_of(const Store::Fields& row, const std::string& column, const std::string& sd = "") {
  const std::string mean = value_of(row, column), deviation = value_of(row, sd);
  if (mean.empty()) return "-";
  return figure_text(std::stod(mean), deviation.empty() ? std::nullopt : std::optional(std::stod(deviation)));
}

/// One line: a component's circuit, and what ablating it does to one set of sentences.
std::vector<std::string> line_of(const Store::Fields& row, const std::string& set, const PublishedModel* model,
                                 PaperTask task) {
  const ComponentRef component =
      parse_component(fmt::format("L{}.{}", value_of(row, "target_layer"), value_of(row, "operation")));
  PublishedFigures published;
  if (model != nullptr) published = published_figures(*model, task, component, set);
  return {to_string(component),
          value_of(row, "circuit"),
          figure_of(row, "knn test acc", "knn test sd"),
          published_figure(published.knn),
          figure_of(row, "full model knn test acc", "full model knn test sd"),
          figure_over(circuit_shares({row})),
          published_figure(published.share),
          set,
          figure_of(row, " vanilla acc " + set),
          published_figure(published.vanilla),
          figure_of(row, " ablated acc " + set),
          published_figure(published.ablated),
          figure_of(row, "random ablate acc mean " + set, "random ablate acc sd " + set),
          published_figure(published.random),
          figure_of(row, "ablated p " + set)};
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

std::string experiment4_table(const std::vector<Store::Fields>& rows, const PublishedModel* model, PaperTask task) {
  std::vector<std::vector<std::string>> lines = {{"site", "circuit", "kNN", kPaper, "kNN full", "weights", kPaper,
                                                  "sentences", "vanilla", kPaper, "ablated", kPaper, "random control",
                                                  kPaper, "p"}};
  for (const Store::Fields& row : rows) {
    for (const std::string& set : behaviours_of(row)) lines.push_back(line_of(row, set, model, task));
  }
  const bool published = model != nullptr && is_published(*model, task);
  if (!published) drop_paper_columns(lines);
  std::string title(task_name(task));
  if (published) title += fmt::format(", in brackets the published figures of {}", model->name);
  if (model != nullptr && !published) title += fmt::format(", of which nothing is published for {}", model->name);
  return fmt::format("{}\n{}", title, text_table(lines));
}

}  // namespace cprobe
