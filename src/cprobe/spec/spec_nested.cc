#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "cprobe/circuit/mask_options.h"
#include "cprobe/spec/spec_keys.h"
#include "cprobe/spec/spec_values.h"

namespace cprobe {
namespace {

/// A number, a list of numbers, or `auto`: none.
std::vector<double> l0_weights_of(const Document& value) {
  std::vector<double> weights;
  if (!value.is_scalar() || value.as_text() != "auto") {
    weights = list_of(value, [](const Document& one) { return as_at_least(one, 0); });
  }
  if (std::ranges::adjacent_find(weights, std::greater_equal()) != weights.end()) {
    throw value.error("the weights must ascend, because a mask is trained at each after the one before");
  }
  return weights;
}

/// Reads a number of FitOptions. Several of it are a dimension of the grid.
/// @param number  takes the first.
template <typename Number, typename Read>
void read_number(const Document& map, const char* key, Read read, Number& number,
                 std::optional<Number> FitNumbers::*of_cell, GridSpec& grid) {
  const Document* value = map.given(key);
  if (value == nullptr) return;
  const std::vector<Number> numbers = list_of(*value, read);
  number = numbers.front();
  if (numbers.size() == 1) return;
  std::vector<FitNumbers> product;
  for (const FitNumbers& others : grid.fit_numbers) {
    for (const Number one : numbers) product.emplace_back(others).*of_cell = one;
  }
  grid.fit_numbers = std::move(product);
}

void read_fit(const Document& map, std::optional<MaskKind> method, Spec& spec) {
  require_known_keys(map, fit_keys());
  MaskKind written = usual_method(spec.probe.protocol);
  if_given(map, "method", [&](const Document& v) { written = mask_kind_of(v); });
  set_method(spec, method.value_or(written));
  const std::vector<double> options = read_mask_options(map, spec.probe.mask_method, written);
  if (!options.empty()) spec.grid.mask_options = options;
  if_given(map, "unit", [&](const Document& v) {
    spec.probe.unit = choice(v, kMaskUnits);
    if (spec.probe.unit == MaskUnit::kHead && spec.probe.mask_method == MaskKind::kMagnitudePruning) {
      throw v.error("magnitude_pruning compares weights or neurons, not heads");
    }
  });
  const auto count = [](const Document& v) { return as_count(v, 0); };
  read_number(map, "epochs", count, spec.probe.fit.epochs, &FitNumbers::epochs, spec.grid);
  if_given(map, "batch_size", [&](const Document& v) {
    spec.grid.batch_sizes = list_of(v, batch_of);
    spec.grid.batch_follows_data = false;
  });
  if_given(map, "learning_rate", [&](const Document& v) { spec.grid.learning_rates = list_of(v, as_positive); });
  const auto at_least = [](double least) { return [least](const Document& v) { return as_at_least(v, least); }; };
  read_number(map, "weight_decay", at_least(0), spec.probe.fit.weight_decay, &FitNumbers::weight_decay, spec.grid);
  if (spec.probe.protocol == Protocol::kPaper) {
    const Document* given = map.given("l0_weight");
    if (given != nullptr && given->is_scalar() && given->as_text() == "auto") {
      throw given->error(
          "protocol paper knows no types to choose an L0 weight by; give numbers, each of which is a cell");
    }
    double weight = spec.probe.fit.l0_weights.front();
    read_number(map, "l0_weight", at_least(0), weight, &FitNumbers::l0_weight, spec.grid);
    spec.probe.fit.l0_weights = {weight};
  } else {
    if_given(map, "l0_weight", [&](const Document& v) { spec.probe.fit.l0_weights = l0_weights_of(v); });
  }
  read_number(map, "max_temperature", at_least(1), spec.probe.fit.max_temperature, &FitNumbers::max_temperature,
              spec.grid);
}

void read_evaluate(const Document& map, Spec& spec) {
  require_known_keys(map, kEvaluateKeys);
  if_given(map, "exemplar_draws", [&](const Document& v) {
    if (spec.probe.protocol == Protocol::kPaper) throw v.error("protocol paper always draws the exemplars once");
    spec.probe.exemplar_draws = as_count(v, 1);
  });
  if_given(map, "random_controls", [&](const Document& v) { spec.probe.ablation.n_random = as_count(v, 0); });
  if_given(map, "null_variables", [&](const Document& v) {
    if (spec.probe.protocol == Protocol::kPaper) throw v.error("protocol paper has no null variables");
    spec.probe.null_variables = as_count(v, 0);
  });
  if_given(map, "held_out_types", [&](const Document& v) {
    if (spec.probe.protocol == Protocol::kPaper) throw v.error("protocol paper knows no types, so none are held out");
    spec.probe.held_out_types = as_at_least(v, 0);
    if (!(spec.probe.held_out_types <= kMostHeldOut)) {
      throw v.error(fmt::format("expected the share of the types to hold out, from 0 to {}; found {}", kMostHeldOut,
                                spec.probe.held_out_types));
    }
  });
  const auto refuse_paper = [&](const Document& v) {
    if (spec.probe.protocol == Protocol::kPaper) throw v.error("protocol paper exchanges nothing");
  };
  if_given(map, "exchange_rows", [&](const Document& v) {
    refuse_paper(v);
    spec.probe.exchange.n_rows = as_count(v, 0);
  });
  if_given(map, "exchange_controls", [&](const Document& v) {
    refuse_paper(v);
    spec.probe.exchange.n_controls = as_count(v, 0);
  });
  const auto refuse_unjudged = [&](const Document& v) {
    if (spec.probe.protocol == Protocol::kPaper)
      throw v.error("protocol paper answers no question, so nothing is judged");
  };
  if_given(map, "smallest_effect", [&](const Document& v) {
    refuse_unjudged(v);
    spec.probe.judge.smallest_effect = as_positive(v);
    if (!(spec.probe.judge.smallest_effect < 1)) {
      throw v.error(fmt::format("an effect is a difference of accuracies, above 0 and below 1; found {}",
                                spec.probe.judge.smallest_effect));
    }
  });
  if_given(map, "correction", [&](const Document& v) {
    refuse_unjudged(v);
    spec.probe.judge.correction = choice(v, {Correction::kMaxT, Correction::kHolm});
  });
  if_given(map, "sufficiency", [&](const Document& v) {
    if (spec.probe.protocol == Protocol::kPaper) throw v.error("protocol paper does not ask whether circuits suffice");
    spec.probe.ablation.sufficiency = v.as_bool();
    if (spec.probe.ablation.sufficiency && spec.probe.ablation.n_random == 0) {
      throw v.error("needs random sets to compare with, but random_controls is 0; give it 19 or more");
    }
  });
  if_given(map, "per_matrix", [&](const Document& v) { spec.probe.ablation.per_matrix = v.as_bool(); });
  if_given(map, "effects", [&](const Document& v) { spec.probe.ablation.effect = v.as_bool(); });
  if_given(map, "fills", [&](const Document& v) {
    spec.probe.ablation.fills = list_of(v, [](const Document& fill) { return choice(fill, kFills); });
  });
}

void read_arithmetic(const Document& task, Spec& spec) {
  require_known_keys(task, task_keys(false));
  if_given(task, "name", [&](const Document& v) { spec.data.task = v.as_text(); });
  spec.data.train_csv = task.at("train").as_text();
  spec.data.test_csv = task.at("test").as_text();
  spec.data.evaluation_csvs = {{"Test", spec.data.test_csv}};
  if_given(task, "behaviour", [&](const Document& v) {
    spec.data.evaluation_csvs.clear();
    for (const auto& [label, path] : v.entries()) spec.data.evaluation_csvs.emplace_back(label, path.as_text());
  });
}

/// Reads `type`, a list of columns (of tokens also positions) or such a list for each variable, and
/// `block`, a column.
void read_types(const Document& task, DataSpec& data) {
  const auto part = [&](const Document& v) -> TypeOptions::Part {
    const std::string text = v.as_text();
    const bool is_number = text.find_first_not_of("-0123456789") == std::string::npos;
    if (!is_number) return text;
    if (data.language) throw v.error("a position stands for a token; of sentences, name a column");
    return v.as_integer();
  };
  if_given(task, "type", [&](const Document& v) {
    if (v.is_map()) {
      for (const auto& [variable, parts] : v.entries()) data.types[variable].parts = list_of(parts, part);
    } else {
      data.types[""].parts = list_of(v, part);
    }
  });
  if_given(task, "block", [&](const Document& v) {
    data.types.try_emplace("");
    for (auto& [variable, types] : data.types) types.block = v.as_text();
  });
}

/// Reads `bins`, a number of classes or a map from columns to such numbers.
void read_bins(const Document& task, DataSpec& data) {
  if_given(task, "bins", [&](const Document& v) {
    if (!v.is_map()) {
      data.bins[""] = as_count(v, 2);
      return;
    }
    for (const auto& [column, n] : v.entries()) data.bins[column] = as_count(n, 2);
  });
}

/// Refuses `type` and `block` where nothing would use them.
void check_types(const Document& task, const Spec& spec) {
  for (const char* key : {"type", "block"}) {
    const Document* given = task.find(key);
    if (given != nullptr && spec.probe.protocol == Protocol::kPaper)
      throw given->error("protocol paper knows no types");
  }
  for (const auto& [variable, types] : spec.data.types) {
    const std::vector<std::string>& known = spec.grid.variables;
    if (variable.empty() || std::ranges::find(known, variable) != known.end()) continue;
    throw task.at("type").error(
        fmt::format("'{}' is none of the spec's variables ({})", variable, fmt::join(known, ", ")));
  }
}

/// Reads `variables`: a list of columns, or a map from columns to titles.
void read_variables(const Document& value, Spec& spec) {
  if (!value.is_map()) {
    spec.grid.variables = list_of(value, &Document::as_text);
    return;
  }
  if (value.entries().empty()) throw value.error("expected at least one variable, found an empty map");
  for (const auto& [variable, title] : value.entries()) spec.grid.variables.push_back(variable);
  for (const auto& [variable, title] : value.entries()) {
    const std::string text = title.is_null() ? "" : title.as_text();
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
      throw title.error(
          fmt::format("the title of '{}' is empty; write one, or '{}' to show the column", variable, variable));
    }
    if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < ' '; })) {
      throw title.error(fmt::format("the title of '{}' has a line break or another control character", variable));
    }
    for (const auto& [other, of_other] : spec.titles) {
      if (of_other == text)
        throw title.error(fmt::format("'{}' and '{}' have the same title, '{}'", other, variable, text));
    }
    if (text != variable && std::ranges::find(spec.grid.variables, text) != spec.grid.variables.end()) {
      throw title.error(fmt::format("the title of '{}' is the column of another variable, '{}'", variable, text));
    }
    spec.titles[variable] = text;
  }
}

/// Makes positions of the tokens that rows name.
void read_probed_places(const Document& yaml, Spec& spec) {
  if (!spec.data.language || spec.data.language->probed.empty()) return;
  if (const Document* position = yaml.find("position")) {
    throw position->error("has no meaning beside task.at, which says what is probed");
  }
  spec.grid.positions.clear();
  for (const ProbedPlace& place : spec.data.language->probed) {
    spec.grid.positions.push_back(place.position());
  }
}

}  // namespace

Spec parse_nested_spec(const Document& yaml, std::optional<MaskKind> method) {
  require_known_keys(yaml, kSpecKeys);
  Spec spec;
  if (method) set_method(spec, *method);
  spec.model.folder = yaml.at("model").as_text();
  const Document& task = yaml.at("task");
  if (is_over_sentences(task)) {
    spec.data.language = read_language(task);
    spec.data.task = spec.data.language->name;
    spec.data.measure_behaviour = spec.data.language->expectation.has_value();
  } else {
    read_arithmetic(task, spec);
  }
  read_types(task, spec.data);
  read_bins(task, spec.data);
  if (spec.data.language && yaml.find("variables") == nullptr) {
    spec.grid.variables = {spec.data.language->name};
  } else {
    read_variables(yaml.at("variables"), spec);
  }
  if_given(yaml, "layers", [&](const Document& v) {
    if (!(v.is_scalar() && v.as_text() == "all")) spec.grid.layers = list_of(v, layer_of);
  });
  if_given(yaml, "blocks", [&](const Document& v) { spec.grid.blocks = list_of(v, block_of); });
  read_probed_places(yaml, spec);
  if_given(yaml, "position", [&](const Document& v) { spec.grid.positions = list_of(v, index_of); });
  if_given(yaml, "seeds", [&](const Document& v) { spec.grid.seeds = list_of(v, as_seed); });
  if_given(yaml, "protocol", [&](const Document& v) {
    spec.probe.protocol = choice(v, {Protocol::kDefault, Protocol::kPaper});
  });
  set_method(spec, method.value_or(usual_method(spec.probe.protocol)));
  if (spec.data.language && spec.probe.protocol == Protocol::kPaper) {
    // The reference's division, whatever there is.
    LanguageTask& language = *spec.data.language;
    language.train_rows = language.train_rows.value_or(kTrainRows);
    language.test_rows = language.test_rows.value_or(kTestRows);
  }
  check_types(task, spec);
  if_given(yaml, "data_seed", [&](const Document& v) {
    if (spec.probe.protocol != Protocol::kPaper)
      throw v.error("only protocol paper has a data_seed; give seeds instead");
    spec.probe.data_seed = as_data_seed(v);
  });
  if_given(yaml, "control", [&](const Document& v) { spec.model.control = choice(v, kModelControls); });
  if_given(yaml, "fit", [&](const Document& v) { read_fit(v, method, spec); });
  if (spec.probe.unit == MaskUnit::kHead) {
    if (yaml.given("blocks") == nullptr) spec.grid.blocks = {Block::kAttention};
    if (std::ranges::count(spec.grid.blocks, Block::kMlp) > 0) {
      throw yaml.at("blocks").error("fit.unit is head, and an MLP has no heads: expected attn");
    }
  }
  if_given(yaml, "evaluate", [&](const Document& v) { read_evaluate(v, spec); });
  if_given(yaml, "baselines", [&](const Document& v) {
    if (v.entries().empty()) throw v.error("expected at least one method, such as linear_probe:");
    spec.baselines = v;
  });
  if_given(yaml, "out", [&](const Document& v) { spec.out = v.as_text(); });
  return spec;
}

}  // namespace cprobe
