#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/evaluate/answers.h"
#include "cprobe/model/address.h"
#include "cprobe/run/compute_cells.h"
#include "cprobe/spec/spec.h"

/// The power of a spec's search in the model that the spec is about: from which strength on would a
/// circuit have been found? The search is made on implants of known strength (plant/implant.h), so
/// that a "no" about a variable of the user's own can be weighed.
namespace cprobe {

struct SearchPowerOptions {
  std::filesystem::path into;             ///< Model folder in place of the spec's; may be empty.
  std::optional<ComponentRef> component;  ///< Not set: the first MLP of the spec.
  int64_t n_units = 16;
  int64_t n_classes = 4;
  std::vector<double> strengths = {0.25, 0.5, 1, 2};  ///< > 0, each once.
  int64_t n_seeds = 3;                                ///< Implants of each strength.
  std::filesystem::path out;                          ///< Has a folder for each implant.
  /// Keeps the model of each implant after its search. False: model.safetensors is removed.
  bool keep_models = false;
  int n_threads = 0;  ///< 0: all processors.
  RunCallbacks callbacks;
};

/// The search for one implant.
struct ImplantSearch {
  double strength = 0;
  int64_t implant = 0;  ///< From 0. Implants of one number differ in strength only.
  std::filesystem::path folder;
  VerdictWord present = VerdictWord::kNotTested;  ///< Question 1 on the test data (docs/statistics.md).
  double statistic = 0;                           ///< T: accuracy on other types.
  double null_mean = 0;
  double p = 1;
  double recall = 0;       ///< Share of the implanted units of the input matrices that the circuit has.
  double precision = 0;    ///< Share of the circuit's units of these matrices that are implanted; 0 if it has none.
  double accuracy = 0;     ///< Of the model with the implant, on the test data.
  bool was_there = false;  ///< An earlier call made this search.
};

/// What is said of all implants of one strength. Means over implants.
struct StrengthPower {
  double strength = 0;
  int64_t n_implants = 0, n_found = 0;  ///< Found: `present` is yes.
  double statistic = 0, null_mean = 0, p = 0;
  double recall = 0, precision = 0, accuracy = 0;
};

struct SearchPower {
  ComponentRef component;
  int64_t n_units = 0;
  std::string function_of;               ///< What the implants are a function of.
  double accuracy_before = 0;            ///< Of the model without an implant, on the test data.
  std::vector<ImplantSearch> searches;   ///< By strength, then implant.
  std::vector<StrengthPower> strengths;  ///< Ascending.
  /// The least strength from which on, at all strengths tried, four of five implants were found.
  std::optional<double> found_from;
  std::string sentence;  ///< The result in words.
};

/// The share of implants that must be found for a strength to count as found.
inline constexpr double kFoundShare = 0.8;

/// The sentence and `found_from` of what is in `searches`.
void summarise(SearchPower& power);

/// Makes implants and runs the spec's search on each: its fit options, null variables and first
/// seed, question 1 only. An implant's folder holds what `write_implant` writes and the run in
/// `run`. Searches that an earlier call finished, with the same model, data, spec and options, are
/// read and not made again.
/// @param on_search  told of each search that is over; may be empty.
/// @throws Error (kInput) naming the option or key
///   - a strength that is not positive, or comes twice; fewer than 1 implant or unit;
///   - a component that is attention or does not exist;
///   - a spec that asks for no null variables, which question 1 needs (protocol paper);
///   - as implant_host, design_implant and run; (kFailed) if a search fails.
SearchPower search_power(const Spec& spec, const SearchPowerOptions& options,
                         const std::function<void(const ImplantSearch&)>& on_search = {});

}  // namespace cprobe
