#include <csignal>
#include <exception>

#include "cli/commands.h"
#include "cprobe/core/error.h"
#include "cprobe/core/memory.h"
#include "cprobe/record/provenance.h"

int main(int argc, char** argv) {
  cprobe::keep_freed_memory();
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
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;  // --help and --version are successes
  } catch (const cprobe::Error& error) {
    fmt::print(stderr, "cprobe: {}\n", error.what());
    return error.kind() == cprobe::ErrorKind::kInput ? 2 : 1;
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
