#include <algorithm>
#include <csignal>
#include <exception>
#include <span>
#include <string_view>

#include "cli/commands.h"
#include "cli/events.h"
#include "cli/parent.h"
#include "cli/versions.h"
#include "cprobe/core/error.h"
#include "cprobe/core/memory.h"
#include "cprobe/core/text.h"
#include "cprobe/record/provenance.h"

namespace cprobe {
namespace {

const char* kind_of(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::kInput:
      return "input";
    case ErrorKind::kInterrupted:
      return "interrupted";
    case ErrorKind::kFailed:
      return "failure";
  }
  return "failure";
}

/// What is wrong with arguments that no option takes, in the user's order.
std::string unexpected(const CLI::App& app, std::span<char*> words) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  std::vector<std::string> names;
  for (const CLI::Option* option : command->get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  const std::vector<std::string> left = app.remaining(true);
  const auto is_left = [&](std::string_view word) { return std::ranges::find(left, word) != left.end(); };
  for (const std::string_view word : words) {
    if (!word.starts_with('-') || !is_left(word)) continue;
    const std::optional<std::string> meant = similar(word.substr(0, word.find('=')), names);
    return fmt::format("{}: unknown option {}{}", command->get_name(), word,
                       meant ? fmt::format(", did you mean {}?", *meant) : "; --help lists all");
  }
  for (const std::string_view word : words) {
    if (is_left(word)) return fmt::format("{}: unexpected argument '{}'", command->get_name(), word);
  }
  return fmt::format("{}: unexpected arguments", command->get_name());
}

}  // namespace
}  // namespace cprobe

int main(int argc, char** argv) {
  cprobe::end_with_parent();
  cprobe::keep_freed_memory();
  const std::span<char*> words(argv, static_cast<size_t>(argc));
  const auto is_given = [&](std::string_view word) { return std::ranges::count(words, word) > 0; };
  if (is_given("--json")) cprobe::speak_json();
  if (words.size() == 3 && is_given("--version") && is_given("--json")) {
    fmt::print("{}\n", cprobe::versions_json());
    return 0;
  }
  CLI::App app(
      "Asks whether a transformer has a hypothesised intermediate variable, where, and whether its behaviour needs\n"
      "the weights that carry it, beside the same answers for variables that nothing can compute.");
  app.set_version_flag("--version", cprobe::versions);
  app.require_subcommand(1);
  app.footer("Start with: cprobe reproduce exp1 --steps 1000 --seeds 1 --out runs/exp1");
  for (const auto setup :
       {cprobe::setup_data, cprobe::setup_train, cprobe::setup_init, cprobe::setup_schema, cprobe::setup_check,
        cprobe::setup_fit, cprobe::setup_baseline, cprobe::setup_merge, cprobe::setup_ablate, cprobe::setup_exchange,
        cprobe::setup_compare, cprobe::setup_inspect, cprobe::setup_report, cprobe::setup_doctor, cprobe::setup_plant,
        cprobe::setup_power, cprobe::setup_benchmark, cprobe::setup_reproduce}) {
    setup(app);
  }
  // A write beyond a limit on file sizes then fails as on a full disk. Otherwise the signal would
  // end the program without a message.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ExtrasError&) {
    cprobe::say_error("input", cprobe::unexpected(app, words));
    return 2;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0 || !cprobe::speaks_json()) return app.exit(error) == 0 ? 0 : 2;  // 0: --help
    cprobe::say_error("input", error.what());
    return 2;
  } catch (const cprobe::Error& error) {
    cprobe::say_error(cprobe::kind_of(error), error.what());
    return error.kind() == cprobe::ErrorKind::kInput ? 2 : 1;
  } catch (const std::filesystem::filesystem_error& error) {
    cprobe::say_error("failure", error.what());
    return 1;
  } catch (const std::bad_alloc&) {
    cprobe::say_error("memory", "out of memory");
    return 1;
  } catch (const std::exception& error) {
    cprobe::say_error("internal", fmt::format("internal error: {}", error.what()));
    return 1;
  }
}
