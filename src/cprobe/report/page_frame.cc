#include "cprobe/report/page_frame.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"
#include "cprobe/core/text.h"
#include "cprobe/report/page_assets.h"

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

/// Escapes <, > and &. Text inside <script> would end at "</script", and would change its meaning
/// at "<!--", wherever these stand.
std::string for_script(const std::string& json) {
  return escaped(json, {{'<', "\\u003c"}, {'>', "\\u003e"}, {'&', "\\u0026"}});
}

}  // namespace

bool can_make_pages() {
  return !page_assets::plotly().empty();
}

std::string framed_page(const PageParts& parts) {
  if (!can_make_pages()) {
    throw failure(
        "this cprobe was built without Plotly, which draws the figures of a page; run scripts/install_deps, then build "
        "again (cmake --preset release && cmake --build --preset release), or choose --format csv, latex or markdown");
  }
  // The page runs only scripts that carry this word, which no text in the data can foresee.
  const std::string nonce = to_hex(hash(parts.data));
  const std::string title = escaped(parts.title, {{'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}});
  return filled(page_assets::page(), {{"title", title},
                                      {"nonce", nonce},
                                      {"style", page_assets::style()},
                                      {"data", parts.data},
                                      {"basics", page_assets::basics()},
                                      {"tables", page_assets::tables()},
                                      {"charts", page_assets::charts()},
                                      {"sections", parts.sections},
                                      {"tables_elsewhere", parts.tables_elsewhere},
                                      {"plotly", page_assets::plotly()}});
}

std::string page_text(const nlohmann::ordered_json& json) {
  return for_script(json.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::ordered_json::error_handler_t::replace));
}

nlohmann::ordered_json page_number(const std::optional<double>& value) {
  if (!value || !std::isfinite(*value)) return nullptr;
  return std::stod(fmt::format("{:.6g}", *value));
}

}  // namespace cprobe
