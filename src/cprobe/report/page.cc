#include "cprobe/report/page.h"

#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"
#include "cprobe/core/text.h"
#include "cprobe/report/page_assets.h"
#include "cprobe/report/page_data.h"

namespace cprobe {
namespace {

/// Replaces each {{name}} by its value. Values are not searched for names.
std::string filled(std::string_view text, const std::map<std::string_view, std::string_view>& values) {
  std::string result;
  for (size_t open = text.find("{{"); open != std::string_view::npos; open = text.find("{{")) {
    const size_t close = text.find("}}", open);
    result += text.substr(0, open);
    result += values.at(text.substr(open + 2, close - open - 2));
    text.remove_prefix(close + 2);
  }
  result += text;
  return result;
}

}  // namespace

bool can_make_pages() {
  return !page_assets::plotly().empty();
}

std::string report_page(const ReportData& data) {
  if (!can_make_pages()) {
    throw failure(
        "this cprobe was built without Plotly, which draws the figures of a page; run scripts/install_deps, then build "
        "again (cmake --preset release && cmake --build --preset release), or choose --format csv, latex or markdown");
  }
  const std::string json = page_json(data);
  // The page runs only scripts that carry this word, which no text in the data can foresee.
  const std::string nonce = to_hex(hash(json));
  const std::string title = escaped(data.title, {{'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}});
  return filled(page_assets::page(), {{"title", title},
                                      {"nonce", nonce},
                                      {"style", page_assets::style()},
                                      {"data", json},
                                      {"basics", page_assets::basics()},
                                      {"tables", page_assets::tables()},
                                      {"charts", page_assets::charts()},
                                      {"choices", page_assets::choices()},
                                      {"sections", page_assets::sections()},
                                      {"plotly", page_assets::plotly()}});
}

}  // namespace cprobe
