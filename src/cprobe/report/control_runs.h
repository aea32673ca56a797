#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cprobe/report/reported_findings.h"

namespace cprobe {

// Negative controls beside the trained model: what is present in a control as well comes from what
// the control leaves in place.

/// The negative control that a cell probed: "random_init"; empty for the model itself.
std::string control_of(const ReportedCell& cell);

/// "toy_control: ", the names of the runs of a negative control; empty if all cells are of that
/// control. Many runs are counted.
std::string runs_of_control(const ReportData& data, const std::string& control);

/// Sets ReportedFinding::in_controls of each finding about a model as it is: the findings about
/// negative controls of the same model folder, with the same variable, component, position and
/// settings of the search. The task's name and seeds may differ.
void match_controls(std::vector<ReportedFinding>& findings, const ReportData& data);

/// The answer of a negative control to "is the variable present?" as a reader needs it beside the
/// trained model: "also present", "not present", or the control's own answer ("undecided").
std::string answer_of_control(const ReportedFinding& control, const ReportedSet& on);

/// What negative controls say about a variable where it is told in the trained model: "Also present
/// in the negative control random_init: comes from the architecture and the data (L0.attn). Not
/// present in the negative control random_init (L0.mlp)." Empty without such controls, and where
/// nothing is told in the trained model.
/// @param findings  as for `verdict_text`. @param all  all findings of the report.
std::string controls_verdict(const std::vector<const ReportedFinding*>& findings,
                             const std::vector<ReportedFinding>& all, const std::string& data);

/// From where that comes which is present in a negative control: "the architecture and the data".
/// @param control  as ReportedFinding::control.
std::string_view source_in_control(std::string_view control);

/// What a negative control was made of, and what its answers mean; empty for an empty `control`.
/// @param control  as ReportedFinding::control.
std::string control_text(const std::string& control);

}  // namespace cprobe
