#include "cprobe/circuit/circuit.h"

#include <algorithm>
#include <array>
#include <functional>

#include "cprobe/core/error.h"
#include "cprobe/io/safetensors.h"

namespace cprobe {
namespace {

constexpr const char* kUnitKey = "unit";
constexpr const char* kFormatKey = "format";
constexpr std::string_view kScores = "scores/";  // Before the name of a matrix.

/// Names the axes of the checkpoint's tensors.
constexpr const char* kAxesKey = "checkpoint_axes";
constexpr const char* kInOut = "n_in, n_out";  // Conv1D of GPT-2.
constexpr const char* kOutIn = "n_out, n_in";  // torch.nn.Linear.

/// The forms of a circuit file: of one component, of several, and with weights as [n_out, n_in],
/// the axes of the checkpoint. Programs that know only earlier forms refuse the later ones, because
/// their format differs.
struct Form {
  const char* format;
  const char* components_key;
};
constexpr std::array kForms = {Form{"cprobe circuit 1", "component"}, Form{"cprobe circuit 2", "components"},
                               Form{"cprobe circuit 3", "components"}};
constexpr const Form &kOne = kForms[0], &kSeveral = kForms[1], &kTransposed = kForms[2];

/// Returns `parse()`, which reads a file's metadata. Puts the file's name, `source`, in front of
/// the message of an Error.
template <typename Parse>
auto of_file(const std::string& source, const Parse& parse) {
  try {
    return parse();
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", source, error.what()));
  }
}

/// Whether the file's tensors are transposed against Circuit::members.
bool stores_transposed(const CircuitFile& circuit) {
  return circuit.unit == MaskUnit::kWeight && circuit.transposed.value_or(false);
}

const Form& form_of(const CircuitFile& circuit) {
  if (stores_transposed(circuit)) return kTransposed;
  return circuit.components.size() == 1 ? kOne : kSeveral;
}

/// Reads the components that `to_string` wrote.
/// @throws Error (kInput) unless there are `n_least` and more, in the model's order.
std::vector<ComponentRef> parse_components(std::string_view text, size_t n_least) {
  std::vector<ComponentRef> components;
  for (size_t begin = 0, end = 0; end != std::string_view::npos; begin = end + 2) {
    end = text.find(", ", begin);
    components.push_back(parse_component(text.substr(begin, end - begin)));
  }
  const auto misplaced = std::ranges::adjacent_find(components, std::ranges::greater_equal());
  if (components.size() < n_least || misplaced != components.end()) {
    throw input_error("components '{}': expected several in the model's order, such as 'L0.attn, L0.mlp'", text);
  }
  return components;
}

/// Reads whether the checkpoint's matrices are [n_out, n_in]; none if the file does not say.
/// @throws Error (kInput) for other axes, and for those that weights of the form do not have.
std::optional<bool> parse_axes(const std::map<std::string, std::string>& metadata, const Form& form, MaskUnit unit) {
  const auto found = metadata.find(kAxesKey);
  const bool is_transposed = &form == &kTransposed;
  if (found == metadata.end() && !is_transposed) return std::nullopt;
  const std::string axes = found == metadata.end() ? "" : found->second;
  if (axes != kInOut && axes != kOutIn) {
    throw input_error("metadata '{}' is '{}', expected '{}' or '{}'", kAxesKey, axes, kInOut, kOutIn);
  }
  if (unit == MaskUnit::kWeight ? is_transposed != (axes == kOutIn) : is_transposed) {
    throw input_error("metadata '{}' is '{}', which files of format '{}' in unit {} do not have", kAxesKey, axes,
                      form.format, to_string(unit));
  }
  return axes == kOutIn;
}

/// The metadata of a circuit's file: provenance, format, components, unit and axes.
std::map<std::string, std::string> metadata_of(const CircuitFile& circuit) {
  const Form& form = form_of(circuit);
  std::map<std::string, std::string> metadata = circuit.provenance;
  metadata[kFormatKey] = form.format;
  metadata[form.components_key] = to_string(circuit.components);
  metadata[kUnitKey] = to_string(circuit.unit);
  if (circuit.transposed) metadata[kAxesKey] = checkpoint_axes(circuit);
  return metadata;
}

std::map<std::string, at::Tensor> tensors_of(const CircuitFile& circuit) {
  std::map<std::string, at::Tensor> tensors;
  const bool is_transposed = stores_transposed(circuit);
  for (const auto& [name, member] : circuit.members) {
    tensors[name] = (is_transposed ? member.t().contiguous() : member).to(at::kByte);
  }
  for (const auto& [name, scores] : circuit.scores) tensors[std::string(kScores) + name] = scores;
  return tensors;
}

}  // namespace

std::string to_string(const std::vector<ComponentRef>& components) {
  std::vector<std::string> names;
  names.reserve(components.size());
  for (const ComponentRef& component : components) names.push_back(to_string(component));
  return fmt::format("{}", fmt::join(names, ", "));
}

std::vector<ComponentRef> Circuit::components() const {
  std::vector<ComponentRef> all;
  for (const MatrixInfo& matrix : matrices) {
    if (all.empty() || all.back() != matrix.component) all.push_back(matrix.component);
  }
  return all;
}

ComponentRef Circuit::component() const {
  const std::vector<ComponentRef> all = components();
  if (all.size() != 1) throw input_error("expected a circuit of one component, found one of {}", to_string(all));
  return all.front();
}

int64_t Circuit::n_units() const {
  int64_t n = 0;
  for (const at::Tensor& member : members) n += member.sum().item<int64_t>();
  return n;
}

int64_t Circuit::max_units() const {
  int64_t n = 0;
  for (const at::Tensor& member : members) n += member.numel();
  return n;
}

std::string checkpoint_axes(const CircuitFile& circuit) {
  if (!circuit.transposed) return {};
  return *circuit.transposed ? kOutIn : kInOut;
}

int64_t CircuitFile::n_units() const {
  int64_t n = 0;
  for (const auto& [tensor, member] : members) n += member.sum().item<int64_t>();
  return n;
}

int64_t CircuitFile::max_units() const {
  int64_t n = 0;
  for (const auto& [tensor, member] : members) n += member.numel();
  return n;
}

int64_t Circuit::n_weights() const {
  int64_t n = 0;
  for (size_t i = 0; i < members.size(); ++i)
    n += members[i].sum().item<int64_t>() * weights_per_unit(matrices[i], unit);
  return n;
}

int64_t Circuit::max_weights() const {
  int64_t n = 0;
  for (const MatrixInfo& matrix : matrices) n += matrix.n_in * matrix.n_out;
  return n;
}

Circuit make_circuit(const Mask& mask, const MaskMethod& method) {
  std::vector<at::Tensor> members = method.kept(mask);
  for (at::Tensor& member : members) member = member.cpu();
  std::vector<at::Tensor> scores;
  for (const at::Tensor& parameter : mask.parameters) {
    if (mask.unit != MaskUnit::kWeight && method.trains()) scores.push_back(parameter.detach().cpu());
  }
  return {.unit = mask.unit,
          .matrices = mask.matrices,
          .members = std::move(members),
          .scores = std::move(scores),
          .provenance = {{"method", std::string(method.name())}}};
}

std::vector<at::Tensor> keep_multipliers(const Circuit& circuit) {
  std::vector<at::Tensor> multipliers;
  for (const at::Tensor& member : circuit.members) multipliers.push_back(member.to(at::kFloat));
  return multipliers;
}

void save_circuit(const CircuitFile& circuit, const std::filesystem::path& path) {
  write_safetensors(path, tensors_of(circuit), metadata_of(circuit));
}

void save_circuit(const Circuit& circuit, const std::filesystem::path& path) {
  save_circuit(circuit_file(circuit, path.string()), path);
}

std::string circuit_bytes(const Circuit& circuit) {
  const CircuitFile file = circuit_file(circuit, "");
  return safetensors_bytes(tensors_of(file), metadata_of(file));
}

CircuitFile read_circuit_file(const std::filesystem::path& path) {
  const SafetensorsFile file = SafetensorsFile::open(path);
  std::map<std::string, std::string> metadata = file.metadata();
  const auto known = std::ranges::find(kForms, metadata[kFormatKey], &Form::format);
  if (known == kForms.end()) {
    throw input_error("{}: not a circuit file (metadata '{}' is '{}', expected '{}', '{}' or '{}')", path.string(),
                      kFormatKey, metadata[kFormatKey], kOne.format, kSeveral.format, kTransposed.format);
  }
  const Form& form = *known;
  const std::string source = path.string(), components = metadata[form.components_key];
  const auto parse = [&] {
    return &form == &kOne ? std::vector{parse_component(components)}
                          : parse_components(components, &form == &kSeveral ? 2 : 1);
  };
  CircuitFile circuit{.components = of_file(source, parse),
                      .unit = of_file(source, [&] { return parse_mask_unit(metadata[kUnitKey]); }),
                      .source = source};
  circuit.transposed = of_file(source, [&] { return parse_axes(metadata, form, circuit.unit); });
  const bool is_transposed = stores_transposed(circuit);
  const int64_t n_axes = circuit.unit == MaskUnit::kWeight ? 2 : 1;
  for (const auto& [name, info] : file.tensors()) {
    const at::Tensor stored = file.tensor(name);
    if (name.starts_with(kScores) && stored.scalar_type() == at::kFloat) {
      circuit.scores[name.substr(kScores.size())] = stored.clone();
      continue;
    }
    if (stored.scalar_type() != at::kByte || stored.dim() != n_axes) {
      throw input_error("{}: tensor '{}' is {} [{}], expected U8 with {} for unit {}", path.string(), name,
                        at::toString(stored.scalar_type()), fmt::join(stored.sizes(), ", "),
                        n_axes == 1 ? "one axis" : "two axes", to_string(circuit.unit));
    }
    if (stored.numel() > 0 && stored.max().item<int64_t>() > 1) {
      throw input_error("{}: tensor '{}' holds values other than 0 and 1", path.string(), name);
    }
    circuit.members[name] = (is_transposed ? stored.t().contiguous() : stored).to(at::kBool);
  }
  for (const auto& [name, scores] : circuit.scores) {
    const auto member = circuit.members.find(name);
    if (member == circuit.members.end() || member->second.sizes() != scores.sizes()) {
      throw input_error("{}: scores of '{}' are [{}], and the file has no such circuit", path.string(), name,
                        fmt::join(scores.sizes(), ", "));
    }
  }
  for (const char* key : {kFormatKey, form.components_key, kUnitKey, kAxesKey}) metadata.erase(key);
  circuit.provenance = std::move(metadata);
  return circuit;
}

Circuit circuit_of(CircuitFile file, const ModelConfig& config) {
  Circuit circuit{.unit = file.unit, .provenance = std::move(file.provenance)};
  for (const ComponentRef& component : file.components) {
    const std::vector<MatrixInfo> matrices = of_file(file.source, [&] { return matrices_of(config, component); });
    circuit.matrices.insert(circuit.matrices.end(), matrices.begin(), matrices.end());
  }
  for (const MatrixInfo& matrix : circuit.matrices) {
    const std::vector<int64_t> shape = unit_shape(matrix, circuit.unit);
    if (circuit.unit == MaskUnit::kHead && matrix.n_heads == 0) {
      if (matrix.component.block != Block::kAttention) {
        throw input_error("{}: unit head, but {} has no heads", file.source, to_string(matrix.component));
      }
      circuit.members.push_back(at::zeros(shape, at::kBool));
      circuit.scores.push_back(at::zeros(shape));
      continue;
    }
    const auto found = file.members.find(matrix.source);
    if (found == file.members.end()) {
      throw input_error("{}: no tensor '{}'; was the circuit found in another model?", file.source, matrix.source);
    }
    if (found->second.sizes() != at::IntArrayRef(shape)) {
      throw input_error("{}: tensor '{}' is [{}], expected [{}]; was the circuit found in another model?", file.source,
                        matrix.source, fmt::join(found->second.sizes(), ", "), fmt::join(shape, ", "));
    }
    if (file.transposed && *file.transposed != matrix.transposed) {
      throw input_error(
          "{}: tensor '{}' is [{}] in its checkpoint, but [{}] in the model's; was the circuit found in "
          "another model?",
          file.source, matrix.source, *file.transposed ? kOutIn : kInOut, matrix.transposed ? kOutIn : kInOut);
    }
    circuit.members.push_back(found->second);
    if (const auto scores = file.scores.find(matrix.source); scores != file.scores.end()) {
      circuit.scores.push_back(scores->second);
    }
  }
  if (circuit.scores.size() != circuit.matrices.size()) circuit.scores.clear();
  const auto n_with_units = std::ranges::count_if(circuit.members, [](const at::Tensor& m) { return m.numel() > 0; });
  if (std::ssize(file.members) != n_with_units) {
    throw input_error("{}: holds {} tensors, but {} has {} weight matrices with units", file.source,
                      file.members.size(), to_string(file.components), n_with_units);
  }
  return circuit;
}

CircuitFile circuit_file(const Circuit& circuit, std::string source) {
  CircuitFile file{.components = circuit.components(),
                   .unit = circuit.unit,
                   .provenance = circuit.provenance,
                   .source = std::move(source)};
  // All matrices of a family have the same axes.
  if (!circuit.matrices.empty()) file.transposed = circuit.matrices.front().transposed;
  for (size_t i = 0; i < circuit.members.size(); ++i) {
    if (circuit.members[i].numel() == 0) continue;  // Unit head: a matrix that makes no values.
    file.members[circuit.matrices[i].source] = circuit.members[i];
    if (!circuit.scores.empty()) file.scores[circuit.matrices[i].source] = circuit.scores[i];
  }
  return file;
}

Circuit load_circuit(const std::filesystem::path& path, const ModelConfig& config) {
  return circuit_of(read_circuit_file(path), config);
}

}  // namespace cprobe
