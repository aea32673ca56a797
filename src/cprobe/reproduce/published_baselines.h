#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/record/store.h"
#include "cprobe/reproduce/reproduce.h"
#include "cprobe/spec/spec.h"

/// Competing methods in the reproduction of published experiments.
namespace cprobe {

/// One published figure of a competing method.
struct PublishedBaseline {
  std::string_view method;
  std::string_view variable;
  std::string_view meaning;  ///< Of the variable: "a^2".
  std::string_view site;     ///< "L0.mid", "L0.post" or "model".
  std::string_view metric;
  std::string_view control;  ///< Of the figure; empty: the method's own.
  std::string_view value;    ///< As the paper has it: ".551", "<= .045".
};

/// Runs methods with the paper's settings in protocol paper: probes of states have 113
/// outputs, whatever the variable.
/// @param spec of the circuits; its folder gets a neighbour, `baselines`.
/// @return     the figures.
std::vector<RecordedMetric> run_published_baselines(const Spec& spec, const std::vector<std::string>& methods,
                                                    const ReproduceOptions& options);

/// Published figures beside ours (mean and standard deviation over all rows that fit) as a text table,
/// with the notes on our figures below it.
std::string baselines_table(const std::vector<RecordedMetric>& rows, std::span<const PublishedBaseline> published);

}  // namespace cprobe
