#include "cprobe/spec/schema.h"

#include <nlohmann/json.hpp>

#include "cprobe/core/name_of.h"
#include "cprobe/spec/spec_keys.h"
#include "cprobe/tasks/arithmetic_task.h"
#include "cprobe/tasks/lexicon.h"

namespace cprobe {
namespace {

nlohmann::ordered_json schema_of_spec() {
  const std::vector<DocumentKey> tokens = task_keys(false), sentences = task_keys(true), fit = fit_keys();
  return schema_of(kSpecKeys, {{"tokens", tokens},
                               {"sentences", sentences},
                               {"fit", fit},
                               {"evaluate", kEvaluateKeys},
                               {"place", kPlaceKeys},
                               {"expect", kExpectKeys},
                               {"column", kColumnKeys},
                               {"groups", kGroupKeys}});
}

nlohmann::ordered_json schema_of_file(UserFile file) {
  switch (file) {
    case UserFile::kSpecFile:
      return schema_of_spec();
    case UserFile::kTaskFile:
      return schema_of(kTaskFileKeys, {{"distractor", kDistractorKeys}});
    case UserFile::kLexiconFile:
      return schema_of(lexicon_keys(), {{"templates", kTemplateKeys}});
  }
  throw std::logic_error("a kind of file without keys");
}

}  // namespace

std::string_view to_string(UserFile file) {
  return name_of(file, {"spec", "task", "lexicon"});
}

std::string json_schema(UserFile file) {
  nlohmann::ordered_json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                                   {"title", fmt::format("A {} of circuitprobe", to_string(file))}};
  schema.update(schema_of_file(file));
  return schema.dump(1) + "\n";
}

}  // namespace cprobe
