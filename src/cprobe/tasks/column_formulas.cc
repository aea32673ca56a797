#include "cprobe/tasks/column_formulas.h"

#include <array>
#include <nlohmann/json.hpp>

#include "cprobe/core/error.h"
#include "cprobe/core/hash.h"
#include "cprobe/io/atomic_file.h"

namespace cprobe {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kColumnsFormat = "cprobe columns 1";
constexpr std::array kDataFiles = {"train.csv", "test.csv"};

std::string hash_of_file(const std::filesystem::path& path) {
  return to_hex(hash(read_file(path)));
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
}

Json json_of(const ArithmeticTask& task, const std::filesystem::path& folder) {
  Json json = {{"format", kColumnsFormat}, {"task", task.name}, {"modulus", task.modulus}};
  for (const char* name : kDataFiles) json["files"][name] = hash_of_file(folder / name);
  json["formulas"] = Json::object();
  for (const ArithmeticTask::NamedFormulas* formulas : {&task.variables, &task.auxiliaries}) {
    for (const auto& [name, formula] : *formulas) json["formulas"][name] = formula;
  }
  return json;
}

bool is_of_cprobe(const Json& json) {
  return json.is_object() && json.contains("format") && json.at("format") == kColumnsFormat;
}

/// The titles of a `columns.json`. @throws nlohmann::json::exception if the file is another.
std::map<std::string, std::string> titles_of(const Json& json, const std::filesystem::path& csv) {
  std::map<std::string, std::string> titles;
  if (!is_of_cprobe(json)) return titles;
  const std::string hash = hash_of_file(csv);
  // A file may have been given another name.
  bool is_of_csv = false;
  for (const auto& [name, own] : json.at("files").items()) is_of_csv |= own == hash;
  if (!is_of_csv) return titles;
  const auto modulus = json.at("modulus").get<int64_t>();
  for (const auto& [name, formula] : json.at("formulas").items()) {
    titles[name] = formula_title(formula.get<std::string>(), modulus);
  }
  return titles;
}

}  // namespace

std::string formula_title(std::string_view formula, int64_t modulus) {
  std::string text;
  const auto add_space = [&] {
    if (!text.empty() && text.back() != ' ') text += ' ';
  };
  for (size_t i = 0; i < formula.size();) {
    if (is_word(formula[i])) {
      const size_t begin = i;
      while (i < formula.size() && is_word(formula[i])) ++i;
      const std::string_view word = formula.substr(begin, i - begin);
      text += word == "p" ? std::to_string(modulus) : std::string(word);
    } else if (formula[i] == '%') {
      add_space();
      text += "mod ";
      ++i;
    } else if (std::isspace(static_cast<unsigned char>(formula[i])) != 0) {
      add_space();
      ++i;
    } else {
      text += formula[i++];
    }
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

void write_column_formulas(const ArithmeticTask& task, const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kColumnsFile;
  const std::string text = json_of(task, folder).dump(2) + "\n";
  if (std::filesystem::exists(path)) {
    const std::string present = read_file(path);
    if (present == text || !is_of_cprobe(Json::parse(present, nullptr, false))) return;
  }
  write_file(path, text);
}

std::map<std::string, std::string> read_column_titles(const std::filesystem::path& csv) {
  const std::filesystem::path path = csv.parent_path() / kColumnsFile;
  if (!std::filesystem::is_regular_file(path)) return {};
  try {
    return titles_of(Json::parse(read_file(path)), csv);
  } catch (const Json::exception&) {
    return {};
  } catch (const Error&) {
    return {};
  }
}

}  // namespace cprobe
