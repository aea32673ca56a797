#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/plant/acceptance.h"
#include "cprobe/plant/implant.h"
#include "cprobe/probe/run_data.h"
#include "cprobe/spec/spec.h"

namespace cprobe {

/// The column of an implant's variable in the data of its folder.
inline constexpr std::string_view kImplantVariable = "implant";

/// What the values of an implant may be a function of: one part of a variable's types, or the
/// values that the variable itself has, where one part decides them (tokens that it does not tell
/// apart then stay together).
struct ImplantTypes {
  std::string text;                 ///< "token 0", "column noun", "var_0".
  std::optional<int64_t> position;  ///< Of the token.
  std::string column;               ///< Of the data, if the part is a column.
  std::optional<int64_t> word;      ///< Of the sentence, if the part is a word.
  std::string variable;             ///< Not empty: its values are the types.
  int64_t n_types = 0;
  std::vector<at::Tensor> of_rows;        ///< Per data set of `data_sets`, [n_rows] int64.
  std::map<std::string, int64_t> number;  ///< By the part's or value's text.
};

/// A model and data to implant into, loaded once for several implants.
struct ImplantHost {
  Spec spec;  ///< With `model.folder` the host's.
  RunData data;
  std::vector<ImplantTypes> types;  ///< In the order in which they are tried.
  double accuracy = 0;              ///< Of the host on the test data.
};

/// Loads the model and the data of a spec.
/// @param into  model folder in place of the spec's; may be empty.
/// @throws Error (kInput) as load_run_data and find_types, and
///   - naming the file: if the data have a column `implant` already;
///   - if no part of a spec's variable has types.
ImplantHost implant_host(Spec spec, const std::filesystem::path& into = {});

/// The first MLP of a spec's grid.
/// @throws Error (kInput) if the spec's blocks have none.
ComponentRef first_mlp(const Spec& spec);

/// An implant of any strength, with the types that it is a function of.
struct Implant {
  ImplantDesign design;
  size_t types = 0;  ///< In ImplantHost::types.
  Seed seed{0};
};

/// Designs an implant for all rows of the spec's data sets, a function of the first of
/// ImplantHost::types that the component reads.
/// @param from  the number of the first to try, such as what another implant found.
/// @throws Error (kInput) as draw_partition and design_implant, of the first tried.
Implant design_implant(const ImplantHost& host, const ImplantOptions& options, Seed seed, size_t from = 0);

/// The truth of an implant of some strength, before importances are measured. Names host and data
/// in its knobs.
Truth truth_of(const ImplantHost& host, const Implant& implant, double strength);

/// The spec of an implant's folder: the spec's own search for the variable `implant` in the
/// component implanted into, on the copies of its data in the folder, with the first value of each
/// dimension of its grid.
Spec spec_of(const ImplantHost& host, const Implant& implant, const std::filesystem::path& folder);

/// What the checks of an implant found.
struct CheckedImplant {
  double accuracy = 0;  ///< Of the model with the implant, on the test data.
  std::vector<PlantedExchange> exchanges;
};

/// Writes an implant's folder: the model with its tokenizer's files, copies of the data with a
/// column `implant`, spec.yaml, and truth.json with importances. The same implant gives the same
/// bytes.
/// @param check_answers  whether the model's answers must stay. The units are always checked.
/// @throws Error (kInput) as `implanted` and check_truth, and if `folder` is the host's own.
CheckedImplant write_implant(const ImplantHost& host, const Implant& implant, double strength,
                             const std::filesystem::path& folder, bool check_answers = true);

/// Reads the folder of an implant, and tests its truth.
/// @throws Error (kInput) as load_truth, parse_spec, load_run_data and check_truth.
CheckedImplant check_implant(const std::filesystem::path& folder);

}  // namespace cprobe
