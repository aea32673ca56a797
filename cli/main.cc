#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <filesystem>

#include "cli/commands.h"
#include "cprobe/core/error.h"

namespace {

int exit_code(const cprobe::Error& error) {
  return error.kind() == cprobe::ErrorKind::kInput ? 2 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Finds the sub-circuit of a transformer that computes a hypothesised intermediate variable, and tests whether "
      "the\n"
      "model depends on it.");
  app.set_version_flag("--version", CPROBE_VERSION);
  app.require_subcommand(1);
  app.footer("Start with: cprobe reproduce exp1 --steps 1000 --seeds 1 --out runs/exp1");
  cprobe::setup_data(app);
  cprobe::setup_train(app);
  cprobe::setup_fit(app);
  cprobe::setup_baseline(app);
  cprobe::setup_merge(app);
  cprobe::setup_ablate(app);
  cprobe::setup_compare(app);
  cprobe::setup_inspect(app);
  cprobe::setup_report(app);
  cprobe::setup_doctor(app);
  cprobe::setup_reproduce(app);
  // A write beyond a limit on file sizes shall fail, as on a full disk, and not end the program without a word.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;  // --help and --version are successes
  } catch (const cprobe::Error& error) {
    fmt::print(stderr, "cprobe: {}\n", error.what());
    return exit_code(error);
  } catch (const std::filesystem::filesystem_error& error) {
    fmt::print(stderr, "cprobe: {}\n", error.what());
    return 1;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "cprobe: out of memory\n");
    return 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "cprobe: internal error: {}\n", error.what());
    return 1;
  }
}
