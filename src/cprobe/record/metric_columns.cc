#include "cprobe/record/metric_columns.h"

#include <algorithm>

#include "cprobe/core/number_text.h"
#include "cprobe/record/metric_names.h"
#include "cprobe/record/question_codec.h"

namespace cprobe {
namespace {

/// What the name of a metric says.
struct NameParts {
  std::string figure, data;
  std::string_view behind;  ///< What stands behind figure and data set, with a space in front.
};

/// Takes the names of the metrics of one cell apart, one after the other.
class NameReader {
 public:
  explicit NameReader(const std::vector<RecordedMetric>& of_cell) {
    for (const RecordedMetric& row : of_cell) {
      for (const std::string_view figure : {kUntouchedAccuracy, kOtherTypes}) {
        if (const auto label = after(row.metric.metric, figure)) labels_.emplace_back(*label);
      }
    }
    // Where one label begins another, the longer one is meant.
    std::ranges::stable_sort(labels_, std::ranges::greater(), &std::string::size);
  }

  /// @param name  of the next metric; must outlive the result.
  NameParts read(const std::string& name) {
    // The metrics of an evaluation set follow the accuracy of the untouched model on the set.
    if (const auto label = after(name, kUntouchedAccuracy)) current_ = *label;
    const size_t space = name.find(' ');
    if (space == std::string::npos) return {name, {}, {}};
    const std::string_view rest = std::string_view(name).substr(space + 1);
    std::vector<std::string> labels = labels_;
    if (!current_.empty()) labels.insert(labels.begin(), current_);
    for (const std::string& label : labels) {
      if (!rest.starts_with(label)) continue;
      const std::string_view behind = rest.substr(label.size());
      if (behind.empty() || behind.front() == ' ') return {name.substr(0, space), label, behind};
    }
    return {name, {}, {}};
  }

 private:
  static std::optional<std::string_view> after(std::string_view name, std::string_view figure) {
    if (!name.starts_with(figure) || name.size() <= figure.size() || name[figure.size()] != ' ') return std::nullopt;
    return name.substr(figure.size() + 1);
  }

  std::vector<std::string> labels_;  ///< Of data sets, the longest first.
  std::string current_;              ///< The evaluation set whose metrics are read.
};

/// What a figure is of: the control or, without one, what was measured itself.
std::string is_of(const std::string& figure, const std::string& control, bool is_circuit_probing) {
  if (figure == kUntouchedAccuracy || figure == kUntouchedLogProbability) return "untouched";
  if (!is_circuit_probing) return control.empty() ? "method" : control;
  const std::string_view of = question_is_of(figure, control);
  if (!of.empty()) return std::string(of);
  return control.empty() ? std::string(to_string(AblationTarget::kCircuit)) : control;
}

/// Layer and block of a site: "0" and "attn" of "L0.attn" and of the state behind attention,
/// "L0.mid". Empty for methods that look at no site.
std::pair<std::string, std::string> layer_and_block(const std::string& site) {
  const size_t dot = site.find('.');
  if (!site.starts_with('L') || dot == std::string::npos) return {};
  const std::string place = site.substr(dot + 1);
  const Block block = place == "mid" || place == to_string(Block::kAttention) ? Block::kAttention : Block::kMlp;
  return {site.substr(1, dot - 1), std::string(to_string(block))};
}

/// The columns from `model` on.
std::vector<std::string> setting_fields(const std::string& site, bool is_circuit_probing,
                                        const std::optional<CellSettings>& settings) {
  const auto [layer, block] = layer_and_block(site);
  if (!settings) return {"", "", layer, block, "", "", "", "", "", "", "", ""};
  const CellSettings& s = *settings;
  std::vector<std::string> fields = {s.model, s.task, layer, block};
  if (is_circuit_probing) {
    fields.insert(fields.end(), {std::to_string(s.cell.batch_size), number_text(s.cell.learning_rate),
                                 std::string(to_string(s.mask_method)), number_text(s.cell.mask_option),
                                 std::string(to_string(s.unit))});
  } else {
    fields.resize(fields.size() + 5);
  }
  fields.insert(fields.end(),
                {std::string(to_string(s.protocol)), is_circuit_probing ? std::to_string(s.data_seed) : "",
                 std::string(to_string(s.control))});
  return fields;
}

}  // namespace

std::vector<std::string> metric_column_names() {
  return {"figure",   "data",      "matrix",       "fill",          "of",          "model",       "task",
          "layer",    "block",     "batch_size",   "learning_rate", "mask_method", "mask_option", "unit",
          "protocol", "data_seed", "model_control"};
}

std::vector<std::vector<std::string>> metric_columns(const std::vector<RecordedMetric>& of_cell,
                                                     const std::optional<CellSettings>& settings) {
  const bool is_circuit_probing = of_cell.front().method.starts_with(kCircuitProbing);
  const std::vector<std::string> of_settings = setting_fields(of_cell.front().site, is_circuit_probing, settings);
  NameReader names(of_cell);
  std::vector<std::vector<std::string>> lines;
  for (const RecordedMetric& row : of_cell) {
    const Metric& m = row.metric;
    const NameParts name = names.read(m.metric);
    std::vector<std::string>& line = lines.emplace_back();
    line = {name.figure, name.data, "", "", is_of(name.figure, m.control, is_circuit_probing)};
    if (is_circuit_probing && is_ablation_figure(name.figure)) {
      const MatrixAndFill ablated = read_matrix_and_fill(name.behind);
      line[2] = ablated.matrix;
      line[3] = to_string(ablated.fill);
    }
    line.insert(line.end(), of_settings.begin(), of_settings.end());
  }
  return lines;
}

}  // namespace cprobe
