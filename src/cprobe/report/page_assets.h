#pragma once

#include <string_view>

/// The files of page/ and Plotly, as cmake/embed.cmake puts them into the program.
namespace cprobe::page_assets {

std::string_view page();      ///< page/page.html, with {{name}} where the others go.
std::string_view style();     ///< page/style.css
std::string_view basics();    ///< page/basics.js
std::string_view tables();    ///< page/tables.js
std::string_view charts();    ///< page/charts.js
std::string_view choices();   ///< page/choices.js
std::string_view sections();  ///< page/sections.js
std::string_view plotly();    ///< plotly.min.js with its licence; empty where the program was built without.

}  // namespace cprobe::page_assets
