#pragma once

#include <optional>
#include <string_view>

#include "cprobe/model/config.h"
#include "cprobe/tasks/lexicon.h"

/// What Lepori et al. 2024 report for Experiment 4 (one seed, one draw of exemplars), and for which
/// models.
namespace cprobe {

struct PublishedModel {
  std::string_view name;  ///< "GPT-2 small".
  int64_t n_layers;
  int64_t d_model;
};

/// The published model of this architecture and these sizes; nullptr if there is none. Weights are
/// not compared.
const PublishedModel* find_published_model(const ModelConfig& config);

/// Published figures for one component and evaluation set; empty if not published.
struct PublishedFigures {
  std::optional<double> knn = {};    ///< Test accuracy of decoding from the circuit.
  std::optional<double> share = {};  ///< Weights in the circuit / weights in the component.
  /// Task accuracy of the untouched model, the same for all components.
  std::optional<double> untouched = {};
  std::optional<double> ablated = {};  ///< Task accuracy with the circuit ablated (fill zero).
  std::optional<double> random = {};   ///< Task accuracy with random circuits of its size ablated.
};

/// The figures that are published for a component of a model.
/// @param set  label of the evaluation set: "IID", "Gen", "Male IID", ...
PublishedFigures published_figures(const PublishedModel& model, PaperTask task, const ComponentRef& component,
                                   std::string_view set);

/// Whether any figure is published for a task of this model.
bool is_published(const PublishedModel& model, PaperTask task);

}  // namespace cprobe
