#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/report/findings_json.h"
#include "cprobe/report/page.h"
#include "cprobe/report/paper_table.h"
#include "cprobe/report/read_runs.h"

namespace cprobe {
namespace {

const std::map<std::string, TableFormat> kTables = {
    {"csv", TableFormat::kCsv}, {"latex", TableFormat::kLatex}, {"markdown", TableFormat::kMarkdown}};

struct ReportCommand {
  std::vector<std::filesystem::path> runs;
  std::filesystem::path out;
  std::string format = "html";
  std::string title;
  bool quiet = false;
  bool json = false;
};

/// The name of a folder, also for paths such as "runs/exp1/" and ".".
std::string name_of(const std::filesystem::path& folder) {
  return std::filesystem::canonical(folder).filename().string();
}

std::string title_of(const ReportCommand& command) {
  if (!command.title.empty()) return command.title;
  std::string title = "Circuit probing: " + name_of(command.runs.front());
  for (size_t i = 1; i < command.runs.size(); ++i) title += ", " + name_of(command.runs[i]);
  return title;
}

/// The file for the page: that of -o or, without -o, report.html in the only run folder.
/// @throws Error (kInput) for several run folders without -o.
std::filesystem::path page_path(const ReportCommand& command) {
  if (!command.out.empty()) return command.out;
  if (command.runs.size() == 1) return command.runs.front() / "report.html";
  throw input_error("{} runs: say where their page goes with -o FILE.html", command.runs.size());
}

void run_report(const ReportCommand& command) {
  catch_interrupts();
  const bool is_page = command.format == "html";
  const std::filesystem::path out = is_page ? page_path(command) : command.out;
  ProgressBar bar;
  ReportData data = read_runs(command.runs, command.quiet ? OnProgress() : bar.on_progress());
  bar.clear();
  data.title = title_of(command);
  const std::string text = is_page                    ? report_page(data)
                           : command.format == "json" ? findings_json(data)
                                                      : paper_table(data, kTables.at(command.format));
  if (out.empty()) {
    fmt::print("{}", text);
    return;
  }
  write_file(out, text);
  if (command.json) {
    const nlohmann::ordered_json written = {{"path", out.string()},
                                            {"runs", data.runs.size()},
                                            {"cells", data.cells.size()},
                                            {"figures", data.figures.size()}};
    fmt::print("{}\n", written.dump());
    return;
  }
  fmt::print(stderr,
             "wrote {} (run folders: {}; finished cells of circuit probing: {}; figures of comparison methods: {})\n",
             out.string(), data.runs.size(), data.cells.size(), data.figures.size());
}

}  // namespace

void setup_report(CLI::App& app) {
  const auto options = std::make_shared<ReportCommand>();
  CLI::App* command = app.add_subcommand("report", "Put runs on one page for readers, or into a table for papers");
  add_option(*command, "runs", options->runs, "RUN",
             "Run folders, or folders that hold some; several are put side by side")
      ->required()
      ->expected(1, -1);
  add_option(*command, "-o,--out", options->out, "FILE",
             "File to write, replaced if there (default: RUN/report.html of one RUN; tables go to stdout)");
  command
      ->add_option("--format", options->format,
                   "html: a page that opens offline; json: the answer to each question, "
                   "with its figures; csv, latex, markdown: a line per variable and component")
      ->check(CLI::IsMember({"html", "json", "csv", "latex", "markdown"}))
      ->capture_default_str();
  add_option(*command, "--title", options->title, "TEXT", "Heading of the page (default: the folders' names)");
  command->add_flag("--quiet", options->quiet, "No progress on stderr");
  command->add_flag("--json", options->json, "Say what was written as one JSON object on stdout");
  command->footer(
      "Nothing in a run folder is changed but report.html, and a run may be going on there.\n\n"
      "Example (after `cprobe reproduce exp1 --steps 1000 --seeds 1 --out runs/exp1`):\n"
      "  cprobe report runs/exp1\n"
      "  cprobe report runs/exp1 --format latex");
  command->callback([options] { run_report(*options); });
}

}  // namespace cprobe
