#include <array>

#include "cprobe/baselines/amnesic.h"
#include "cprobe/baselines/baseline.h"
#include "cprobe/baselines/counterfactual_embedding.h"
#include "cprobe/baselines/das.h"
#include "cprobe/baselines/probing.h"
#include "cprobe/baselines/subnetwork.h"
#include "cprobe/baselines/transfer.h"

namespace cprobe {

namespace {

constexpr auto kMethods = std::to_array<MethodEntry>({
    {.name = "linear_probe",
     .what = "a linear classifier of the state, beside a control task (Hewitt & Liang 2019)",
     .headline = "test_accuracy",
     .make = [](const Document* options) { return make_probing(read_probe_options(options, kLinearProbe)); }},
    {.name = "mlp_probe",
     .what = "the same with a hidden layer",
     .headline = "test_accuracy",
     .make = [](const Document* options) { return make_probing(read_probe_options(options, kMlpProbe)); }},
    {.name = "counterfactual_embedding",
     .what = "the state moved until a linear probe says another value (Tucker et al. 2021)",
     .headline = "counterfactual_answer",
     .make =
         [](const Document* options) {
           return make_counterfactual_embedding(
               read_counterfactual_embedding_options(options, {.probe = kLinearProbe}));
         }},
    {.name = "counterfactual_embedding_mlp",
     .what = "the same with the probe that has a hidden layer",
     .headline = "counterfactual_answer",
     .make =
         [](const Document* options) {
           return make_counterfactual_embedding(read_counterfactual_embedding_options(options, {.probe = kMlpProbe}));
         }},
    {.name = "amnesic_probing",
     .what = "task accuracy with the variable erased linearly (Elazar et al. 2021, Belrose et al. 2023)",
     .headline = "erased_accuracy",
     .make = [](const Document* options) { return make_amnesic_probing(read_amnesic_options(options)); }},
    {.name = "das",
     .what = "directions of a fixed number whose exchange changes the variable (Geiger et al. 2023)",
     .headline = "interchange_accuracy",
     .make = [](const Document* options) { return make_das(read_das_options(options, {.dimension = 0})); }},
    {.name = "boundless_das",
     .what = "the same with the number of directions learned (Wu et al. 2023)",
     .headline = "interchange_accuracy",
     .make = [](const Document* options) { return make_das(read_das_options(options, {})); }},
    {.name = "subnetwork_probe",
     .what = "masks and a linear classifier trained together (Cao et al. 2021)",
     .headline = "test_accuracy",
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

}  // namespace cprobe
