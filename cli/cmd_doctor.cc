#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/events.h"
#include "cli/loaded_model.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/text_table.h"
#include "cprobe/evaluate/doctor.h"

namespace cprobe {
namespace {

struct DoctorOptions {
  std::filesystem::path model;
  std::filesystem::path golden;
  int n_threads = 0;
  bool json = false;
};

/// The golden file to compare with: the one given, else the model folder's own, else an empty path.
std::filesystem::path golden_of(const DoctorOptions& options) {
  if (!options.golden.empty()) return options.golden;
  const std::filesystem::path own = options.model / "golden.safetensors";
  return std::filesystem::exists(own) ? own : std::filesystem::path();
}

std::vector<Check> all_checks(const std::filesystem::path& folder, const std::filesystem::path& golden) {
  ProgressBar bar;
  bar.show({"doctor", 0, 4});
  const Model model = loaded_model(folder);
  bar.show({"doctor", 1, 4, "loaded"});
  stop_if_interrupted();
  std::vector<Check> checks = examine_tokenizer(model.config, folder);
  bar.show({"doctor", 2, 4, "examining the model"});
  std::ranges::copy(examine(model), std::back_inserter(checks));
  bar.show({"doctor", 3, 4, "comparing with golden outputs"});
  stop_if_interrupted();
  if (!golden.empty()) std::ranges::copy(compare_with_golden(model, golden), std::back_inserter(checks));
  return checks;
}

void print_json(const DoctorOptions& options, const std::filesystem::path& golden, const std::vector<Check>& checks) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Check& c : checks) {
    list.push_back({{"what", c.what},
                    {"difference", c.difference},
                    {"tolerance", c.tolerance},
                    {"ok", c.ok},
                    {"detail", c.detail}});
  }
  nlohmann::ordered_json report = {{"model", options.model.string()}, {"golden", nullptr}};
  if (!golden.empty()) report["golden"] = golden.string();
  report["ok"] = std::ranges::all_of(checks, &Check::ok);
  report["checks"] = std::move(list);
  fmt::print("{}\n", report.dump(2));
}

void print_table(const std::vector<Check>& checks) {
  std::vector<std::vector<std::string>> lines = {{"quantity", "difference", "tolerance", "result", "detail"}};
  for (const Check& c : checks) {
    const bool is_count = c.tolerance == 0;
    const auto text = [&](double value) {
      return is_count ? fmt::format("{:.0f}", value) : fmt::format("{:.1e}", value);
    };
    lines.push_back({c.what, text(c.difference), text(c.tolerance), c.ok ? "ok" : "FAIL", c.detail});
  }
  fmt::print("{}", text_table(lines));
}

void run_doctor(const DoctorOptions& options) {
  begin_computing(options.n_threads);
  const std::filesystem::path golden = golden_of(options);
  const std::vector<Check> checks = all_checks(options.model, golden);
  if (options.json) {
    print_json(options, golden, checks);
  } else {
    print_table(checks);
  }
  if (golden.empty()) {
    say(Message::Kind::kNote,
        fmt::format("{}: no golden.safetensors and no --golden, so nothing was compared with a reference",
                    options.model.string()));
  }
  const auto n_failed = std::ranges::count(checks, false, &Check::ok);
  if (n_failed > 0) {
    std::fflush(stdout);
    throw failure("{}: {} of {} checks failed", options.model.string(), n_failed, checks.size());
  }
}

}  // namespace

void setup_doctor(CLI::App& app) {
  const auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = app.add_subcommand("doctor", "Check a model folder against itself and its golden outputs");
  add_option(*command, "model", options->model, "FOLDER", "Hugging Face model folder")->required();
  add_option(*command, "--golden", options->golden, "FILE",
             "Outputs of a reference implementation; default: golden.safetensors in the folder, where it is there");
  add_threads_option(*command, options->n_threads);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->footer(
      "Differences are the largest ones, divided by the largest expected value. Exit code 1 if a check fails.\n\n"
      "Example (after `cprobe reproduce exp1 --steps 1000 --seeds 1 --out runs/exp1`):\n"
      "  cprobe doctor runs/exp1/seed_0/final");
  command->callback([options] { run_doctor(*options); });
}

}  // namespace cprobe
