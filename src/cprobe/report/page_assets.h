#pragma once

#include <string_view>

/// The files of page/ and Plotly, which cmake/embed.cmake puts into the program.
namespace cprobe::page_assets {

std::string_view page();       ///< page/page.html, with {{name}} in the place of what a page shows.
std::string_view style();      ///< page/style.css
std::string_view basics();     ///< page/basics.js
std::string_view tables();     ///< page/tables.js
std::string_view charts();     ///< page/charts.js
std::string_view choices();    ///< page/choices.js
std::string_view sections();   ///< page/sections.js
std::string_view benchmark();  ///< page/benchmark.js
std::string_view plotly();     ///< plotly.min.js with its licence; empty if built without Plotly.

}  // namespace cprobe::page_assets
