#include <algorithm>
#include <array>

#include "cprobe/baselines/amnesic.h"
#include "cprobe/baselines/baseline.h"
#include "cprobe/baselines/beside_nulls.h"
#include "cprobe/baselines/counterfactual_embedding.h"
#include "cprobe/baselines/das.h"
#include "cprobe/baselines/probing.h"
#include "cprobe/baselines/subnetwork.h"
#include "cprobe/baselines/transfer.h"

namespace cprobe {

namespace {

constexpr std::string_view kIsRead = "does this probe read the variable better than it reads null variables?";
constexpr std::string_view kMovesAnswers =
    "do answers follow states moved to another value more than states moved to values of null variables?";
constexpr std::string_view kCarries =
    "do the directions found carry the variable to the answer, more than those found for null variables?";

constexpr auto kMethods = std::to_array<MethodEntry>({
    {.name = "linear_probe",
     .what = "a linear classifier of the state, beside a control task (Hewitt & Liang 2019)",
     .headline = "test_accuracy",
     .tested = kTypeAccuracy,
     .question = kIsRead,
     .make = [](const Document* options) { return make_probing(read_probe_options(options, kLinearProbe)); }},
    {.name = "mlp_probe",
     .what = "the same with a hidden layer",
     .headline = "test_accuracy",
     .tested = kTypeAccuracy,
     .question = kIsRead,
     .make = [](const Document* options) { return make_probing(read_probe_options(options, kMlpProbe)); }},
    {.name = "counterfactual_embedding",
     .what = "the state moved until a linear probe says another value (Tucker et al. 2021)",
     .headline = "counterfactual_answer",
     .tested = kChangedAnswers,
     .question = kMovesAnswers,
     .make =
         [](const Document* options) {
           return make_counterfactual_embedding(
               read_counterfactual_embedding_options(options, {.probe = kLinearProbe}));
         }},
    {.name = "counterfactual_embedding_mlp",
     .what = "the same with the probe that has a hidden layer",
     .headline = "counterfactual_answer",
     .tested = kChangedAnswers,
     .question = kMovesAnswers,
     .make =
         [](const Document* options) {
           return make_counterfactual_embedding(read_counterfactual_embedding_options(options, {.probe = kMlpProbe}));
         }},
    {.name = "amnesic_probing",
     .what = "task accuracy with the variable erased linearly (Elazar et al. 2021, Belrose et al. 2023)",
     .headline = "erased_accuracy",
     .tested = kErasureHarm,
     .question = "does erasing the variable harm the task more than erasing null variables?",
     .make = [](const Document* options) { return make_amnesic_probing(read_amnesic_options(options)); }},
    {.name = "das",
     .what = "directions of a fixed number whose exchange changes the variable (Geiger et al. 2023)",
     .headline = "interchange_accuracy changed",
     .tested = kChangedAnswers,
     .question = kCarries,
     .make = [](const Document* options) { return make_das(read_das_options(options, {.dimension = 0})); }},
    {.name = "boundless_das",
     .what = "the same with the number of directions learned (Wu et al. 2023)",
     .headline = "interchange_accuracy changed",
     .tested = kChangedAnswers,
     .question = kCarries,
     .make = [](const Document* options) { return make_das(read_das_options(options, {})); }},
    {.name = "subnetwork_probe",
     .what = "masks and a linear classifier trained together (Cao et al. 2021)",
     .headline = "test_accuracy",
     .tested = kTypeAccuracy,
     .question = kIsRead,
     .make = [](const Document* options) { return make_subnetwork_probe(read_subnetwork_options(options)); }},
    {.name = "transfer",
     .what = "the finished model trained on the variable alone, beside fresh weights (Lepori et al. 2024)",
     .headline = "learning_curve_area",
     .on_gpu = false,
     .per_site = false,
     .make = [](const Document* options) { return make_transfer(read_transfer_options(options)); }},
});

}  // namespace

std::span<const MethodEntry> baseline_methods() {
  return kMethods;
}

const MethodEntry* find_method(std::string_view name) {
  const auto found = std::ranges::find(kMethods, name, &MethodEntry::name);
  return found == kMethods.end() ? nullptr : &*found;
}

}  // namespace cprobe
