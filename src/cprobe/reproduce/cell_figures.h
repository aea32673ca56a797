#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cprobe/record/recorded.h"

/// Figures of finished cells as text, over several models, to be shown beside published figures.
namespace cprobe {

/// A figure of a cell; none if the cell has no such figure.
using CellFigure = std::function<std::optional<double>(const ProbedCell&)>;

double knn_of(const ProbedCell& cell);       ///< Test accuracy of decoding from the circuit.
double full_knn_of(const ProbedCell& cell);  ///< Test accuracy of decoding from the component.
double share_of(const ProbedCell& cell);     ///< Share of the component's weights in the circuit.
/// Task accuracy on an evaluation set: of the untouched model, with the circuit ablated, and with
/// random circuits of its size ablated (mean); then the circuit's p. Ablations are those under the
/// first fill.
CellFigure untouched_on(std::string set);
CellFigure ablated_on(std::string set);
CellFigure random_on(std::string set);
CellFigure p_on(std::string set);

/// The figure of each cell that has one.
std::vector<double> figures(const std::vector<ProbedCell>& cells, const CellFigure& figure);

/// The cells of one variable and block ("attn" or "mlp").
std::vector<ProbedCell> cells_of(const std::vector<ProbedCell>& cells, std::string_view variable,
                                 std::string_view block);

/// The extents of the cells' circuits, such as "empty", or "empty 2, proper part 1" if they differ.
std::string circuits_in_words(const std::vector<ProbedCell>& cells);

/// Mean and standard deviation of values, such as "0.991 ± 0.003"; "-" if there are none.
std::string figure_over(const std::vector<double>& values);
std::string figure_over(const std::vector<ProbedCell>& cells, const CellFigure& figure);
/// A published figure in brackets, such as "(0.991)"; empty if there is none.
std::string published_figure(std::optional<double> value);

}  // namespace cprobe
