#pragma once

#include <optional>
#include <string_view>

#include "cprobe/model/config.h"
#include "cprobe/tasks/lexicon.h"

/// What Lepori et al. 2024 report for Experiment 4 (one seed, one draw of exemplars), and for which models.
namespace cprobe {

struct PublishedModel {
  std::string_view name;  ///< "GPT-2 small".
  int64_t n_layers;
  int64_t d_model;
  double l0_weight;  ///< With which its circuits were found.
};

/// The published model that has this architecture and these sizes; nullptr where there is none. Weights are not looked
/// at.
const PublishedModel* find_published_model(const ModelConfig& config);

/// Figures of one component and data set; those that are not published are empty.
struct PublishedFigures {
  std::optional<double> knn = {};      ///< Test accuracy of the circuit.
  std::optional<double> share = {};    ///< Weights in the circuit / weights in the component.
  std::optional<double> vanilla = {};  ///< Task accuracy of the untouched model, the same for all components.
  std::optional<double> ablated = {};  ///< Task accuracy with the circuit at zero.
  std::optional<double> random = {};   ///< The same with random circuits of its size.
};

/// @param set of sentences: "IID", "Gen", "Male IID", ...
PublishedFigures published_figures(const PublishedModel& model, PaperTask task, const ComponentRef& component,
                                   std::string_view set);

/// Whether anything is published for a task of this model.
bool is_published(const PublishedModel& model, PaperTask task);

}  // namespace cprobe
