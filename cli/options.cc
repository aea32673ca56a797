#include "cli/options.h"

#include "cli/events.h"
#include "cprobe/core/device.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/threads.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/model/gemm.h"

namespace cprobe {

CLI::Option* add_special_tokens_option(CLI::App& command, std::string& text) {
  return add_option_with_default(command, "--special-tokens", text, "template|none",
                                 "none: without the tokens, such as <s>, that the tokenizer puts around a text")
      ->check(CLI::IsMember({"template", "none"}));
}

void add_threads_option(CLI::App& command, int& n_threads) {
  add_option(command, "--threads", n_threads, "N",
             "Threads (default: one a processor); results repeat for an equal number")
      ->check(CLI::PositiveNumber);
}

void add_run_options(CLI::App& app, RunCommand& command, const std::string& json_help) {
  RunOptions& options = command.run;
  add_option(app, "-o,--out", options.out, "FOLDER", "Run folder; default: the spec's 'out' or 'results_dir'");
  app.add_flag("--overwrite", options.again.all, "Compute these cells again, also those that are finished");
  app.add_option_function<std::string>(
         "--retry", [&options](const std::string&) { options.again.failed = true; },
         "Compute cells again that failed in an earlier call")
      ->check(CLI::IsMember({"failed"}))
      ->type_name("failed");
  app.add_flag("--wait", options.wait, "Where another process works in the folder, wait until it has ended");
  add_option(app, "--memory", options.memory, "SIZE",
             "Memory for residual streams, such as 50MB or 2GB; where they would take more, they go to scratch "
             "files in the run folder")
      ->transform(CLI::AsSizeValue(true))
      ->default_str("500MB");
  add_option(app, "--jobs", options.n_jobs, "N",
             "Cells at once (default: as in the folder's last call or, without one, measured)")
      ->check(CLI::PositiveNumber);
  add_option(app, "--threads", options.n_threads, "N",
             "Threads of a cell; results repeat for an equal number (default: as --jobs)")
      ->check(CLI::PositiveNumber);
  app.add_option_function<std::string>(
         "--device", [&options](const std::string& name) { options.device = parse_device(name); },
         "Where the model runs: cpu, cuda (all GPUs, cells taking turns) or cuda:N; then one job per GPU by default")
      ->default_str("cpu")
      ->type_name("NAME");
  add_option(app, "--shard", options.shard, "NAME",
             "Work beside other processes on the same folder, each with a name of its own; then `cprobe merge`");
  add_option(app, "--rank-timeout", options.rank_timeout, "S",
             "Under mpirun: seconds without a word after which a rank is taken for dead")
      ->check(CLI::Range(5.0, 86'400.0))  // ranks send a sign of life every second
      ->default_str("30");
  app.add_flag("--quiet", command.quiet, "No progress");
  app.add_flag("--json", command.json, json_help);
}

Spec read_spec_file(const std::filesystem::path& path, std::optional<MaskKind> method) {
  const std::string text = read_file(path);
  Spec spec = parse_spec(Document::parse_yaml(text, path.string()), method);
  spec.text = text;
  if (!spec.ignored_keys.empty()) {
    say(Message::Kind::kNote, fmt::format("{}: keys without meaning here are ignored: {}", path.string(),
                                          fmt::join(spec.ignored_keys, ", ")));
  }
  return spec;
}

void begin_computing(int n_threads) {
  catch_interrupts();
  set_threads(n_threads > 0 ? n_threads : available_threads());
  if (const std::string warning = blas_warning(gemm_library()); !warning.empty()) {
    say(Message::Kind::kWarning, warning);
  }
}

}  // namespace cprobe
