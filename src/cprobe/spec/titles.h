#pragma once

#include <map>
#include <string>
#include <vector>

#include "cprobe/spec/spec.h"

/// What readers are told a variable is called: "a^2" for the column `var_0`. Files keep the column.
namespace cprobe {

/// Variable (a column of the data) -> title.
using Titles = std::map<std::string, std::string>;

/// The title of each variable of the grid: the spec's; else the data's; else its column. A title of
/// the data is not used where it is another variable's title or column.
/// @param of_data  as RunData::titles.
Titles variable_titles(const Spec& spec, const Titles& of_data);

/// The title of a variable; its column without one.
std::string title_in(const Titles& titles, const std::string& variable);
std::vector<std::string> titles_in(const Titles& titles, std::vector<std::string> variables);

/// "a^2 (var_0)"; the column alone where that is the title.
std::string title_and_column(const Titles& titles, const std::string& variable);

/// "Columns of the data: a^2 is var_0, b is var_1." with a line end: the variables whose title is
/// not their column. Empty if there is none.
/// @param variables  may repeat.
std::string columns_note(const Titles& titles, const std::vector<std::string>& variables);

}  // namespace cprobe
