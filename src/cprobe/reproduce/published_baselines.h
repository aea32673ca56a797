#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cprobe/record/store.h"
#include "cprobe/reproduce/reproduce.h"
#include "cprobe/spec/spec.h"

/// Comparison methods in the reproduction of published experiments.
namespace cprobe {

/// A published figure of a comparison method.
struct PublishedBaseline {
  std::string_view method;
  std::string_view variable;
  std::string_view meaning;  ///< What the variable is, such as "a^2".
  std::string_view site;     ///< "L0.mid", "L0.post" or "model".
  std::string_view metric;
  std::string_view control;  ///< As Metric::control.
  std::string_view value;    ///< As the paper writes it, such as ".551" or "<= .045".
};

/// Published figures of one method, site, metric and control for several variables.
struct PublishedRow {
  std::string_view method, site, metric, control;
  std::vector<std::string_view> values;  ///< In the order of the variables; "" and missing: not shown.
};

/// The figures of all rows, row by row. @param variables  names and meanings.
std::vector<PublishedBaseline> published_baselines(
    const std::vector<std::pair<std::string_view, std::string_view>>& variables, const std::vector<PublishedRow>& rows);

/// Runs comparison methods with the paper's settings, in protocol paper. Probes of states have 113
/// outputs, whatever the variable.
/// @param spec  spec of the circuits. The methods' run folder is `baselines` beside the spec's.
/// @return the figures of all methods in that folder.
/// @throws Error as run_baselines; (kFailed) if a cell failed.
std::vector<RecordedMetric> run_published_baselines(const Spec& spec, const std::vector<std::string>& methods,
                                                    const ReproduceOptions& options);

/// A text table of published figures beside ours, with the notes on our figures below. Ours are
/// means with standard deviations over all rows that fit.
std::string baselines_table(const std::vector<RecordedMetric>& rows, std::span<const PublishedBaseline> published);

}  // namespace cprobe
