#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/record/recorded.h"

/// Figures of finished cells over models, beside published ones.
namespace cprobe {

/// A figure of a cell; none where the cell has no such figure.
using CellFigure = std::function<std::optional<double>(const ProbedCell&)>;

double knn_of(const ProbedCell& cell);       ///< Test accuracy of decoding from the circuit.
double full_knn_of(const ProbedCell& cell);  ///< From the whole component.
double share_of(const ProbedCell& cell);     ///< Of the component's weights that is in the circuit.
/// Accuracy of the task on a data set: of the untouched model, with the circuit ablated, with random circuits of the
/// circuit's size ablated (mean), and the p of the circuit among these.
CellFigure untouched_on(std::string set);
CellFigure ablated_on(std::string set);
CellFigure random_on(std::string set);
CellFigure p_on(std::string set);

/// The figure of each cell that has one.
std::vector<double> figures(const std::vector<ProbedCell>& cells, const CellFigure& figure);

/// The cells of one variable and block ("attn", "mlp").
std::vector<ProbedCell> cells_of(const std::vector<ProbedCell>& cells, std::string_view variable,
                                 std::string_view block);

/// "empty", or "empty 2, proper part 1" where cells differ.
std::string circuits_in_words(const std::vector<ProbedCell>& cells);

/// Mean and standard deviation of values; "-" where there are none.
std::string figure_over(const std::vector<double>& values);
std::string figure_over(const std::vector<ProbedCell>& cells, const CellFigure& figure);
/// "(0.991)"; empty where nothing is published.
std::string published_figure(std::optional<double> value);

}  // namespace cprobe
