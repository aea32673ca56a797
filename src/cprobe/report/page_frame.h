#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace cprobe {

/// Whether this program was built with Plotly, which pages need.
bool can_make_pages();

/// What one kind of page has for itself, beside basics.js, tables.js, charts.js and Plotly.
struct PageParts {
  std::string title;
  std::string data;              ///< By `page_text`: what the scripts call `report`.
  std::string sections;          ///< JavaScript that makes the sections.
  std::string tables_elsewhere;  ///< Where a reader without JavaScript finds the figures.
};

/// A self-contained HTML page, with about 4.6 MB of Plotly.
/// @throws Error (kFailed), saying what to do, if can_make_pages() is false.
std::string framed_page(const PageParts& parts);

/// JSON as one line of ASCII, with <, > and & escaped so that the line may stand inside <script>.
std::string page_text(const nlohmann::ordered_json& json);

/// A number with six significant digits, more than any figure is good for; null if there is none or
/// it is not finite.
nlohmann::ordered_json page_number(const std::optional<double>& value);

}  // namespace cprobe
