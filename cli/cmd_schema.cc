#include <memory>

#include "cli/commands.h"
#include "cprobe/core/error.h"
#include "cprobe/spec/schema.h"

namespace cprobe {
namespace {

void run_schema(const std::string& name) {
  for (const UserFile file : kUserFiles) {
    if (to_string(file) == name) return fmt::print("{}", json_schema(file));
  }
  throw input_error("no schema of '{}'; there are spec, task and lexicon", name);
}

}  // namespace

void setup_schema(CLI::App& app) {
  const auto name = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("schema", "Print the JSON Schema of spec, task or lexicon files");
  command->add_option("file", *name, "spec, task or lexicon")->type_name("KIND")->required();
  command->footer(
      "Editors with a YAML language server complete and check files by it. Write it to a file, and name that in the\n"
      "first line of a spec, as the files in examples/ do:\n"
      "  # yaml-language-server: $schema=spec.schema.json\n"
      "\n"
      "Example:\n"
      "  cprobe schema spec > spec.schema.json");
  command->callback([name] { run_schema(*name); });
}

}  // namespace cprobe
