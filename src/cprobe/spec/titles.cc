#include "cprobe/spec/titles.h"

#include <algorithm>

namespace cprobe {

Titles variable_titles(const Spec& spec, const Titles& of_data) {
  Titles titles;
  for (const std::string& variable : spec.grid.variables) {
    const auto written = spec.titles.find(variable);
    titles[variable] = written == spec.titles.end() ? title_in(of_data, variable) : written->second;
  }
  const auto is_taken = [&](const std::string& variable, const std::string& title) {
    return std::ranges::any_of(titles, [&](const auto& other) {
      return other.first != variable && (other.second == title || other.first == title);
    });
  };
  std::vector<std::string> ambiguous;
  for (const auto& [variable, title] : titles) {
    if (!spec.titles.contains(variable) && is_taken(variable, title)) ambiguous.push_back(variable);
  }
  for (const std::string& variable : ambiguous) titles[variable] = variable;
  return titles;
}

std::string title_in(const Titles& titles, const std::string& variable) {
  const auto found = titles.find(variable);
  return found == titles.end() ? variable : found->second;
}

std::vector<std::string> titles_in(const Titles& titles, std::vector<std::string> variables) {
  for (std::string& variable : variables) variable = title_in(titles, variable);
  return variables;
}

std::string title_and_column(const Titles& titles, const std::string& variable) {
  const std::string title = title_in(titles, variable);
  return title == variable ? variable : fmt::format("{} ({})", title, variable);
}

std::string columns_note(const Titles& titles, const std::vector<std::string>& variables) {
  std::vector<std::string> columns;
  for (const std::string& variable : variables) {
    const std::string title = title_in(titles, variable);
    const std::string text = fmt::format("{} is {}", title, variable);
    if (title != variable && std::ranges::find(columns, text) == columns.end()) columns.push_back(text);
  }
  return columns.empty() ? std::string() : fmt::format("Columns of the data: {}.\n", fmt::join(columns, ", "));
}

}  // namespace cprobe
