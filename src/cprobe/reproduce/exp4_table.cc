#include "cprobe/reproduce/exp4_table.h"

#include "cprobe/core/text_table.h"
#include "cprobe/record/result_columns.h"
#include "cprobe/record/tables.h"
#include "cprobe/reproduce/parts.h"

namespace cprobe {
namespace {

constexpr const char* kPaper = "(paper)";  ///< Heading of the published figures.

/// One line: a component's circuit, and what ablating it does to one set of sentences.
std::vector<std::string> line_of(const Store::Fields& row, const std::string& set, const PublishedModel* model,
                                 PaperTask task) {
  const ComponentRef component =
      parse_component(fmt::format("L{}.{}", value_of(row, column::kLayer), value_of(row, column::kBlock)));
  PublishedFigures published;
  if (model != nullptr) published = published_figures(*model, task, component, set);
  return {to_string(component),
          value_of(row, column::kCircuit),
          figure_of(row, column::kKnn, column::kKnnSd),
          published_figure(published.knn),
          figure_of(row, column::kFullKnn, column::kFullKnnSd),
          figure_over(circuit_shares({row})),
          published_figure(published.share),
          set,
          figure_of(row, column::vanilla(set)),
          published_figure(published.vanilla),
          figure_of(row, column::ablated(set)),
          published_figure(published.ablated),
          figure_of(row, column::random_mean(set), column::random_sd(set)),
          published_figure(published.random),
          p_of(row, set)};
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
