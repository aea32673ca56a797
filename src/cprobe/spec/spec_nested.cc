#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "cprobe/circuit/mask_options.h"
#include "cprobe/spec/spec_values.h"

namespace cprobe {
namespace {

/// A number, a list of numbers, or `auto`: none.
std::vector<double> l0_weights_of(const Document& value, const Spec& spec) {
  std::vector<double> weights;
  if (!value.is_scalar() || value.as_text() != "auto") {
    weights = list_of(value, [](const Document& one) { return as_at_least(one, 0); });
  }
  if (weights.size() != 1 && spec.probe.protocol == Protocol::kPaper) {
    throw value.error("protocol paper knows no types to choose an L0 weight by; give one number");
  }
  if (std::ranges::adjacent_find(weights, std::greater_equal()) != weights.end()) {
    throw value.error("the weights must ascend, because a mask is trained at each after the one before");
  }
  return weights;
}

void read_fit(const Document& map, std::optional<MaskKind> method, Spec& spec) {
  map.require_known_keys(and_mask_options(
      {"method", "unit", "epochs", "batch_size", "learning_rate", "weight_decay", "l0_weight", "max_temperature"}));
  MaskKind written = usual_method(spec.probe.protocol);
  if_given(map, "method", [&](const Document& v) { written = mask_kind_of(v); });
  set_method(spec, method.value_or(written));
  const std::vector<double> options = read_mask_options(map, spec.probe.mask_method, written);
  if (!options.empty()) spec.grid.mask_options = options;
  if_given(map, "unit", [&](const Document& v) {
    spec.probe.unit = choice(v, {MaskUnit::kNeuron, MaskUnit::kWeight});
  });
  if_given(map, "epochs", [&](const Document& v) { spec.probe.fit.epochs = as_count(v, 0); });
  if_given(map, "batch_size", [&](const Document& v) {
    spec.grid.batch_sizes = list_of(v, batch_of);
    spec.grid.batch_follows_data = false;
  });
  if_given(map, "learning_rate", [&](const Document& v) { spec.grid.learning_rates = list_of(v, as_positive); });
  if_given(map, "weight_decay", [&](const Document& v) { spec.probe.fit.weight_decay = as_at_least(v, 0); });
  if_given(map, "l0_weight", [&](const Document& v) { spec.probe.fit.l0_weights = l0_weights_of(v, spec); });
  if_given(map, "max_temperature", [&](const Document& v) { spec.probe.fit.max_temperature = as_at_least(v, 1); });
}

void read_evaluate(const Document& map, Spec& spec) {
  map.require_known_keys({"exemplar_draws", "random_controls", "null_variables", "exchange_rows", "exchange_controls",
                          "held_out_types", "smallest_effect", "correction", "sufficiency", "fills", "per_matrix",
                          "effects"});
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
    spec.probe.exchange.n_rows = as_count(v, 1);
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
  task.require_known_keys({"name", "train", "test", "behaviour", "type", "block"});
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

/// Reads an expectation: of the last word if there is a key `last_word_against`, else of fixed
/// words.
Expectation read_expectation(const Document& map) {
  map.require_known_keys({"last_word_against", "continuation", "against", "where"});
  if (const Document* column = map.find("last_word_against")) {
    for (const std::string_view key : {"continuation", "against", "where"}) {
      if (const Document* other = map.find(key)) throw other->error("has no meaning beside last_word_against");
    }
    return {.last_word = true, .against_column = column->as_text()};
  }
  Expectation expectation{.continuation = map.at("continuation").as_text(),
                          .against = list_of(map.at("against"), &Document::as_text)};
  const Document& where = map.at("where");
  if (!where.is_map()) {
    expectation.label_column = where.as_text();
    return expectation;
  }
  if (where.entries().size() != 1) throw where.error("expected one column and its value, such as {tense: past}");
  expectation.label_column = where.entries().front().first;
  expectation.label_value = where.entries().front().second.as_text();
  return expectation;
}

void read_groups(const Document& map, LanguageTask& task) {
  map.require_known_keys({"column", "values"});
  task.group_column = map.at("column").as_text();
  task.groups.clear();
  for (const auto& [label, value] : map.at("values").entries())
    task.groups.push_back({.values = list_of(value, &Document::as_text), .label = label});
  if (task.groups.empty()) throw map.at("values").error("expected at least one group");
}

LanguageTask read_language(const Document& map) {
  map.require_known_keys({"name", "sentences", "gen", "train_rows", "test_rows", "split_seed", "prefix", "expect",
                          "groups", "type", "block"});
  const Document& name = map.at("name");
  LanguageTask task{.name = name.as_text()};
  if (const std::optional<PaperTask> known = find_paper_task(task.name)) {
    task = language_task(*known);
  } else if (map.find("expect") == nullptr) {
    throw name.error(
        fmt::format("'{}' is none of the tasks that cprobe knows (agreement, reflexive, "
                    "syntactic_number), so the task needs 'expect'",
                    task.name));
  }
  task.sentences = map.at("sentences").as_text();
  if_given(map, "gen", [&](const Document& v) { task.gen = v.as_text(); });
  if_given(map, "train_rows", [&](const Document& v) { task.train_rows = as_count(v, 1); });
  if_given(map, "test_rows", [&](const Document& v) { task.test_rows = as_count(v, 1); });
  if_given(map, "split_seed", [&](const Document& v) { task.split_seed = as_data_seed(v); });
  if_given(map, "prefix", [&](const Document& v) { task.prefix = v.as_text(); });
  if_given(map, "expect", [&](const Document& v) {
    const std::map<std::string, int64_t> words = task.expectation.label_words;
    task.expectation = read_expectation(v);
    task.expectation.label_words = words;
  });
  if_given(map, "groups", [&](const Document& v) { read_groups(v, task); });
  return task;
}

}  // namespace

Spec parse_nested_spec(const Document& yaml, std::optional<MaskKind> method) {
  yaml.require_known_keys({"model", "task", "variables", "layers", "blocks", "position", "seeds", "data_seed",
                           "protocol", "control", "fit", "evaluate", "baselines", "out"});
  Spec spec;
  if (method) set_method(spec, *method);
  spec.model.folder = yaml.at("model").as_text();
  const Document& task = yaml.at("task");
  if (task.find("sentences") != nullptr) {
    spec.data.language = read_language(task);
    spec.data.task = spec.data.language->name;
  } else {
    read_arithmetic(task, spec);
  }
  read_types(task, spec.data);
  if (spec.data.language && yaml.find("variables") == nullptr) {
    spec.grid.variables = {spec.data.language->name};
  } else {
    read_variables(yaml.at("variables"), spec);
  }
  if_given(yaml, "layers", [&](const Document& v) {
    if (!(v.is_scalar() && v.as_text() == "all")) spec.grid.layers = list_of(v, layer_of);
  });
  if_given(yaml, "blocks", [&](const Document& v) { spec.grid.blocks = list_of(v, block_of); });
  if_given(yaml, "position", [&](const Document& v) { spec.grid.positions = list_of(v, &Document::as_integer); });
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
  if_given(yaml, "evaluate", [&](const Document& v) { read_evaluate(v, spec); });
  if_given(yaml, "baselines", [&](const Document& v) {
    if (v.entries().empty()) throw v.error("expected at least one method, such as linear_probe:");
    spec.baselines = v;
  });
  if_given(yaml, "out", [&](const Document& v) { spec.out = v.as_text(); });
  return spec;
}

}  // namespace cprobe
