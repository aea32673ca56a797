#include "cprobe/report/run_names.h"

#include <algorithm>
#include <set>
#include <system_error>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/number_text.h"
#include "cprobe/run/run_folder.h"

namespace cprobe {
namespace {

namespace fs = std::filesystem;

/// Compares names with their numbers by value: step_200 comes before step_1000.
bool natural_less(const std::string& a, const std::string& b) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const auto number_end = [&](const std::string& text, size_t at) {
        return static_cast<size_t>(
            std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), is_digit) - text.begin());
      };
      while (a[i] == '0' && i + 1 < a.size() && is_digit(a[i + 1])) ++i;
      while (b[j] == '0' && j + 1 < b.size() && is_digit(b[j + 1])) ++j;
      const size_t end_a = number_end(a, i), end_b = number_end(b, j);
      if (end_a - i != end_b - j) return end_a - i < end_b - j;
      const int order = a.compare(i, end_a - i, b, j, end_b - j);
      if (order != 0) return order < 0;
      i = end_a;
      j = end_b;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

/// Finds the run folders at and below a folder, in the order of their names. Does not look below a
/// run folder, and does not follow links.
void collect(const fs::path& folder, std::vector<fs::path>& found) {
  stop_if_interrupted();
  if (holds_run(folder)) {
    found.push_back(folder);
    return;
  }
  std::vector<fs::path> below;
  for (const auto& entry : fs::directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
    std::error_code gone;
    if (entry.is_directory(gone) && !entry.is_symlink(gone)) below.push_back(entry.path());
  }
  std::ranges::sort(below, [](const fs::path& a, const fs::path& b) { return natural_less(a.string(), b.string()); });
  for (const fs::path& next : below) collect(next, found);
}

/// The number behind a prefix, such as 200 in "step_200"; none if `part` is anything else.
std::optional<int64_t> numbered(const std::string& part, std::string_view prefix) {
  return part.starts_with(prefix) ? whole_number<int64_t>(part.substr(prefix.size())) : std::nullopt;
}

/// The longest path that all folders begin with; of a single folder, the folder above.
fs::path shared_folder(const std::vector<fs::path>& folders) {
  fs::path shared = folders.front().parent_path();
  for (const fs::path& folder : folders) {
    fs::path common;
    auto a = shared.begin();
    auto b = folder.begin();
    for (; a != shared.end() && b != folder.end() && *a == *b; ++a, ++b) common /= *a;
    shared = common;
  }
  return shared;
}

}  // namespace

std::vector<ReportedRun> find_runs(const std::vector<fs::path>& paths) {
  std::vector<fs::path> found;
  std::set<fs::path> seen;
  for (const fs::path& path : paths) {
    if (!fs::is_directory(path)) {
      throw input_error("{}: {}; expected a run folder (with run.sqlite), or a folder with such below it",
                        path.string(), fs::exists(path) ? "is no folder" : "no such folder");
    }
    std::vector<fs::path> here;
    collect(path, here);
    if (here.empty()) throw input_error("{}: holds no run (no run.sqlite, here or below)", path.string());
    for (const fs::path& folder : here) {
      if (seen.insert(fs::canonical(folder)).second) found.push_back(folder);
    }
  }
  // Takes the folder above for circuits and comparison methods, whose runs on one model lie side by
  // side.
  std::vector<fs::path> folders;
  for (const fs::path& folder : found) {
    const fs::path whole = fs::canonical(folder);
    const bool is_kind = whole.filename() == "circuits" || whole.filename() == "baselines";
    folders.push_back(is_kind ? whole.parent_path() : whole);
  }
  const fs::path shared = shared_folder(folders);
  std::vector<ReportedRun> runs;
  for (size_t i = 0; i < found.size(); ++i) {
    ReportedRun run{.folder = found[i], .name = fs::canonical(found[i]).lexically_relative(shared).string()};
    fs::path series;
    for (const fs::path& part : folders[i].lexically_relative(shared)) {
      const std::string name = part.string();
      if (numbered(name, "seed_")) continue;
      if (const std::optional<int64_t> step = numbered(name, "step_")) {
        run.step = step;
      } else if (name != "probes" && name != ".") {
        series /= part;
      }
    }
    run.series = series.string();
    runs.push_back(std::move(run));
  }
  return runs;
}

}  // namespace cprobe
