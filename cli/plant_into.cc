#include "cli/plant_into.h"

#include "cli/options.h"
#include "cprobe/core/error.h"
#include "cprobe/run/implant_folder.h"

namespace cprobe {

void add_plant_into_options(CLI::App& command, PlantIntoOptions& options) {
  add_option(command, "--into", options.into, "FOLDER",
             "Widen an MLP of this model by units that compute a random partition of its tokens (needs --spec; "
             "default: the spec's model)");
  add_option(command, "--spec", options.spec, "SPEC.yaml", "Spec whose data an implant is made for");
  add_option_with_default(command, "--units", options.n_units, "N", "Hidden units of an implant");
  add_option_with_default(command, "--strength", options.strength, "X",
                          "Length of what an implant adds, in relation to the component's own update");
}

void plant_into(const PlantIntoOptions& options, const std::string& component, int64_t n_classes, uint64_t seed,
                const std::filesystem::path& out) {
  if (options.spec.empty()) {
    throw input_error("plant --into {}: needs --spec SPEC.yaml, with the data that the implant is to hold for",
                      options.into.string());
  }
  if (!(options.strength > 0)) throw input_error("--strength {}: expected a positive number", options.strength);
  const Spec spec = read_spec_file(options.spec);
  ImplantOptions of_implant{.component = component.empty() ? first_mlp(spec) : parse_component(component),
                            .position = spec.grid.positions.front(),
                            .n_units = options.n_units};
  if (n_classes != 0) of_implant.n_classes = n_classes;
  const ImplantHost host = implant_host(spec, options.into);
  const Implant implant = design_implant(host, of_implant, Seed(seed));
  const CheckedImplant made = write_implant(host, implant, options.strength, out);
  fmt::print(
      "{}: {} units of {} compute a random partition of {} ({} types) into {} classes, and give the class of {:.3f} of "
      "the rows.\n",
      out.string(), of_implant.n_units, to_string(of_implant.component), host.types[implant.types].text,
      host.types[implant.types].n_types, of_implant.n_classes, implant.design.reading);
  fmt::print("The model answers {:.3f} of the test rows right, and {:.3f} without the implant.\n", made.accuracy,
             host.accuracy);
}

bool holds_implant_truth(const std::filesystem::path& folder) {
  const Truth truth = load_truth(folder / kTruthFile, read_model_config(folder / "config.json"));
  return truth.tier == kImplantTier;
}

void print_checked_implant(const std::filesystem::path& folder) {
  const CheckedImplant checked = check_implant(folder);
  fmt::print("{}: the truth holds\n", folder.string());
  for (const PlantedExchange& exchange : checked.exchanges) {
    fmt::print("  {}: exchanging its units moves it in {:.3f} of the pairs, exchanging all others in {:.3f}\n",
               exchange.variable, exchange.by_units, exchange.by_others);
  }
}

}  // namespace cprobe
