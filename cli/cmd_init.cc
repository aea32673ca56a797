#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cprobe/core/error.h"
#include "cprobe/io/atomic_file.h"
#include "cprobe/spec/suggested_spec.h"

namespace cprobe {
namespace {

struct InitCommand {
  std::filesystem::path data, model, out;
  bool overwrite = false;
};

void run_init(const InitCommand& command) {
  const std::string spec = suggested_spec(command.data, command.model);
  if (command.out.empty()) {
    fmt::print("{}", spec);
    return;
  }
  if (std::filesystem::exists(command.out) && !command.overwrite) {
    throw input_error("{}: is there already; --overwrite replaces it", command.out.string());
  }
  write_file(command.out, spec);
  fmt::print("wrote {}. What it probes: cprobe check {}\n", command.out.string(), command.out.string());
}

}  // namespace

void setup_init(CLI::App& app) {
  const auto options = std::make_shared<InitCommand>();
  CLI::App* command = app.add_subcommand("init", "Write a spec for a file of sentences");
  command->add_option("data", options->data, "CSV of sentences and of variables")->type_name("DATA.csv")->required();
  add_option(*command, "--model", options->model, "FOLDER", "Hugging Face folder of the model")->required();
  add_option(*command, "-o,--out", options->out, "SPEC.yaml", "Where to write the spec; default stdout");
  command->add_flag("--overwrite", options->overwrite, "Replace a spec that is there");
  command->footer(
      "Looks at the columns: which holds the sentences, which a word of each (whose last token is then probed), which\n"
      "classes that can be variables, which says train and test. Comments in the spec say what else could be chosen.\n"
      "\n"
      "Example:\n"
      "  cprobe init tense.csv --model models/smollm2 -o tense.yaml");
  command->callback([options] { run_init(*options); });
}

}  // namespace cprobe
